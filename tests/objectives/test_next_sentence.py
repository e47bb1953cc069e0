"""Pairs of a text and what follows it, or of two documents: exact batches, what gives nothing away, loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import ks_2samp
from segment_losses import large_weights, require_those_of_each_segment
from tokenizers import Tokenizer, models
from transformers import (
    AutoModelForMaskedLM,
    BertForNextSentencePrediction,
    PreTrainedTokenizerFast,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.next_sentence import (
    OBJECTIVE,
    NextSentenceCollator,
    NextSentenceConfig,
    Text,
)
from mlm_pretrain.objectives.rows import PARTNER
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.placement import Place, PlacedDataset
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ".",
    *(f"wor{c}" for c in "abcdefghijklmno"),
]
CLS, SEP, STOP = 2, 3, 5  # words are 6 to 20
ALMOST_NEVER = 1e-12
SEEN = MaskedConfig(mask_share=0.0, random_share=0.0)  # the model sees every token as it is


@pytest.fixture(scope="module")
def small() -> Vocabulary:
    """A vocabulary of words and a full stop."""
    pieces = {piece: number for number, piece in enumerate(PIECES)}
    library = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    roles = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return read_vocabulary(PreTrainedTokenizerFast(tokenizer_object=library, **roles))


OWN = [CLS, 6, 7, 8, STOP, 9, 10, 11, STOP, 12, 13, SEP]
SHORT = [CLS, 6, 7, STOP, 8, SEP]
OTHER = [CLS, 14, 15, 16, STOP, 17, 18, 19, 20, SEP]


def row(*segments: list[int], documents: list[int], **facts: Any) -> dict[str, Any]:
    """A packed row of segments that were cut at both ends."""
    lengths = [len(part) for part in segments]
    return {
        "input_ids": np.concatenate(segments), "segment_lengths": lengths,
        "segment_final": [False] * len(lengths), "segment_document": documents, **facts,
    }  # fmt: skip


def settings(share: float, **given: Any) -> NextSentenceConfig:
    return NextSentenceConfig(replaced_share=share, masking=SEEN, **given)


@pytest.mark.parametrize("label", [0, 1])
def test_a_batch_by_hand(label: int, small: Vocabulary) -> None:
    """The only border of OWN lies behind its first sentence; OTHER's second part has 4 tokens, OWN's 6."""
    partner = row(SHORT, OTHER, SHORT, documents=[4, 9, 9])
    example = row(SHORT, OWN, documents=[4, 4], epoch=0, example=0, **{PARTNER: partner})
    config = settings(1 - ALMOST_NEVER if label else ALMOST_NEVER, shortest=3)
    batch = NextSentenceCollator(small, config, 0)([example])
    second = [17, 18, 19, 20] if label else [9, 10, 11, STOP]
    pair = [CLS, 6, 7, 8, STOP, SEP, *second, SEP]
    padding = [0] * (24 - len(SHORT) - len(pair))
    expected = {
        "input_ids": [*SHORT, *pair, *padding],
        "segment_ids": [1] * 6 + [2] * 11 + padding,
        "position_ids": [*range(6), *range(11), *padding],
        "token_type_ids": [0] * 12 + [1] * 5 + padding,
        "next_labels": [IGNORED] * 6 + [label] + [IGNORED] * 17,
    }
    assert {n: batch[n][0].tolist() for n in expected} == expected
    predicted = batch["labels"] != IGNORED
    assert torch.equal(batch["labels"][predicted], batch["input_ids"][predicted])
    assert set(batch) == {*expected, "labels"} and predicted.sum() == 4  # 30 % of 13


def test_a_text_of_the_same_document_is_no_partner(small: Vocabulary) -> None:
    partner = row(OTHER, documents=[4])
    example = row(OWN, documents=[4], epoch=0, example=0, **{PARTNER: partner})
    batch = NextSentenceCollator(small, settings(0.5, shortest=3), 0)([example])
    assert batch["input_ids"][0, :12].tolist() == OWN  # as it was, and nothing is asked
    assert (batch["next_labels"] == IGNORED).all() and not batch["token_type_ids"].any()
    assert OBJECTIVE.count(OBJECTIVE, batch)["next"] == 0


def test_where_a_text_is_divided() -> None:
    def parts(shortest: int, border: float, end: float, is_last: bool) -> Any:
        text = Text(np.arange(30), np.array([1, 6, 11, 20]), 29, is_last, 0)
        found = text.divided(shortest, np.array([border, end]))
        return found and [(int(part[0]), int(part[-1])) for part in found]

    assert parts(3, 0.0, 0.9, False) == [(0, 5), (6, 28)]
    assert parts(3, 0.99, 0.9, False) == [(0, 19), (20, 28)]
    assert parts(8, 0.99, 0.9, False) == [(0, 19), (20, 28)]  # 9 tokens behind it: just enough
    assert parts(9, 0.99, 0.9, False) == [(0, 10), (11, 28)]
    assert parts(10, 0.0, 0.9, False) == [(0, 10), (11, 28)]  # 10 tokens before it: just enough
    assert parts(11, 0.0, 0.9, False) is None
    assert parts(3, 0.0, 0.0, True) == [(0, 5), (6, 19)]  # all of the last sentence left out
    assert parts(3, 0.0, 0.999, True) == [(0, 5), (6, 27)]  # its last token
    assert parts(3, 0.99, 0.2, True) == [(0, 10), (11, 20)]


@pytest.fixture(scope="module")
def examples(prepared: Path) -> list[dict[str, Any]]:
    """Real rows of long documents, each with its partner."""
    data = PackedDataset(prepared, "train")
    placed = PlacedDataset(data, 3, has_partners=True)
    return [placed[Place(epoch, number)] for epoch in range(3) for number in range(len(data))]


@pytest.fixture(scope="module")
def vocabulary(tokenizers: dict[str, Any]) -> Vocabulary:
    return read_vocabulary(tokenizers["wordpiece"])


def test_the_answer_changes_no_length(
    examples: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    true, false = (
        NextSentenceCollator(vocabulary, settings(share), 0)(examples)
        for share in (ALMOST_NEVER, 1 - ALMOST_NEVER)
    )
    asked = true["next_labels"] != IGNORED
    assert asked.sum() > 500
    assert (true["next_labels"][asked] == 0).all() and (false["next_labels"][asked] == 1).all()
    assert torch.equal(asked, false["next_labels"] != IGNORED)
    for name in ("segment_ids", "position_ids", "token_type_ids"):
        assert torch.equal(true[name], false[name])
    first = true["token_type_ids"] == 0
    assert torch.equal(true["input_ids"][first], false["input_ids"][first])
    assert not torch.equal(true["input_ids"], false["input_ids"])


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_as_many_answers_as_asked_for_and_lengths_alike(
    share: float, examples: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    batch = NextSentenceCollator(vocabulary, settings(share), 0)(examples)
    pairs = pairs_of(batch)
    labels = np.array([label for label, _, _ in pairs])
    assert labels.mean() == pytest.approx(share, abs=3 * (0.25 / len(labels)) ** 0.5)
    for part in (1, 2):
        lengths = np.array([len(pair[part]) for pair in pairs])
        assert min(lengths) >= 8
        assert ks_2samp(lengths[labels == 0], lengths[labels == 1]).pvalue > 0.01
    before = sum(len(example["input_ids"]) for example in examples)
    assert 0.7 * before < int((batch["segment_ids"] > 0).sum()) < before
    assert all(
        int(n) <= len(e["input_ids"])
        for n, e in zip((batch["segment_ids"] > 0).sum(1), examples, strict=True)
    )


def pairs_of(batch: dict[str, torch.Tensor]) -> list[tuple[int, list[int], list[int]]]:
    """(label, first part, second part) of the pairs of a batch, without start and end tokens."""
    found = []
    for place in torch.nonzero(batch["next_labels"] != IGNORED).tolist():
        number = batch["segment_ids"][tuple(place)]
        its = batch["segment_ids"][place[0]] == number
        ids, types = batch["input_ids"][place[0], its], batch["token_type_ids"][place[0], its]
        assert ids[types == 0][-1] == ids[-1] == batch["input_ids"][place[0], its][-1]
        first, second = ids[types == 0].tolist()[1:-1], ids[types == 1].tolist()[:-1]
        found.append((int(batch["next_labels"][tuple(place)]), first, second))
    return found


def test_ends_of_documents_do_not_give_the_answer_away(
    tokenizers: dict[str, Any], vocabulary: Vocabulary
) -> None:
    """Texts that are whole documents of whole sentences: what follows would else end with a stop, always."""
    texts = ["The function returns a new array.", "It has the same type as before.",
             "See the value of None.", "An error is raised in the loop."]  # fmt: skip
    rng, tokenizer = np.random.default_rng(0), tokenizers["wordpiece"]
    stop = tokenizer.convert_tokens_to_ids(".")
    whole = [" ".join(texts[i] for i in rng.integers(4, size=6)) for _ in range(2000)]
    rows = [
        {"input_ids": tokenizer(text)["input_ids"], "segment_document": n}
        for n, text in enumerate(whole)
    ]
    placed = PlacedDataset(rows, 0, has_partners=True)
    batch = NextSentenceCollator(vocabulary, settings(0.5), 0)(
        [placed[Place(0, n)] for n in range(2000)]
    )
    batch["segment_ids"] = batch["attention_mask"]
    ends = [
        [second[-1] == stop for label, _, second in pairs_of(batch) if label == n] for n in (0, 1)
    ]
    shares = [float(np.mean(part)) for part in ends]
    assert min(map(len, ends)) > 800
    assert max(shares) < 0.3 and shares[0] == pytest.approx(shares[1], abs=0.06)


def test_a_row_does_not_depend_on_its_neighbours(
    examples: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    collator = NextSentenceCollator(vocabulary, NextSentenceConfig(), 0)
    batch = collator(examples[:12])
    assert (batch["next_labels"] == 0).any() and (batch["next_labels"] == 1).any()
    for place, example in enumerate(examples[:12]):
        alone = collator([example])
        length = int((batch["segment_ids"][place] > 0).sum())
        for name in ("input_ids", "labels", "next_labels", "token_type_ids"):
            assert torch.equal(alone[name][0, :length], batch[name][place, :length])


@pytest.mark.parametrize("method", ["products8", "masks"])
@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert", "bert of one type"])
def test_both_losses_are_those_of_each_segment_alone(
    arch: str, method: str, tokenizers: dict[str, Any], examples: list[dict[str, Any]]
) -> None:
    tokenizer, config = tokenizers["wordpiece"], NextSentenceConfig(next_weight=0.7)
    model = large_weights(f"{arch.split()[0]}:3x64", OBJECTIVE, tokenizer, config)
    if "one type" in arch:
        model.config.type_vocab_size = 1
        model.base_model.embeddings.token_type_embeddings = torch.nn.Embedding(1, 64)
    batch = NextSentenceCollator(read_vocabulary(tokenizer), config, 0)(examples[:12])
    labels = batch["next_labels"]
    assert OBJECTIVE.count(OBJECTIVE, batch)["next"] == (labels != IGNORED).sum()
    assert (labels == 0).sum() > 1 and (labels == 1).sum() > 1
    require_those_of_each_segment(model, OBJECTIVE, config, batch, method)


@pytest.mark.parametrize("method", ["products8", "masks"])
def test_rows_of_one_text_each(
    method: str, tokenizers: dict[str, Any], examples: list[dict[str, Any]]
) -> None:
    rows = [
        {"input_ids": ids, "segment_document": e["segment_document"][0], PARTNER: e[PARTNER]}
        for e in examples[:80]
        for ids in np.split(e["input_ids"], np.cumsum(e["segment_lengths"])[:-1])[:1]
    ]
    tokenizer, config = tokenizers["wordpiece"], NextSentenceConfig()
    model = large_weights("bert:2x64", OBJECTIVE, tokenizer, config)
    batch = NextSentenceCollator(read_vocabulary(tokenizer), config, 0)(rows)
    assert "segment_ids" not in batch and (batch["next_labels"] == 1).sum() > 1
    require_those_of_each_segment(model, OBJECTIVE, config, batch, method)


def test_its_head_is_that_of_bert(prepared: Path, tmp_path: Path, examples: Any) -> None:
    """Exported beside the encoder; put into BERT's own class, the scores are the same."""
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", objective="nsp", steps=2,
        objective_settings={"replaced_share": 0.4}, batch_size=8, precision="fp32",
    )  # fmt: skip
    assert pretrain(config)["validation"]["loss_nats"] > 0
    export(tmp_path / "run", tmp_path / "model")
    head = load_file(tmp_path / "model" / "heads.safetensors")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert not [name for name in weights if "next" in name or "pooler" in name]
    assert "next-sentence prediction" in (tmp_path / "model" / "README.md").read_text("utf-8")
    bert: Any = BertForNextSentencePrediction.from_pretrained(tmp_path / "model").eval()
    places = {"next.0": "bert.pooler.dense", "next.2": "cls.seq_relationship"}
    named = {f"{places[n[:6]]}{n[6:]}": weight for n, weight in head.items()}
    assert not bert.load_state_dict(named, strict=False).unexpected_keys
    encoder = AutoModelForMaskedLM.from_pretrained(tmp_path / "model").base_model.eval()
    ids = torch.as_tensor(examples[0]["input_ids"])[None]
    with torch.no_grad():
        pooled = torch.tanh(
            torch.nn.functional.linear(
                encoder(ids)[0][:, 0], head["next.0.weight"], head["next.0.bias"]
            )
        )
        expected = torch.nn.functional.linear(pooled, head["next.2.weight"], head["next.2.bias"])
        assert torch.allclose(bert(ids).logits, expected, atol=1e-6)


def test_rows_without_a_partner_are_refused(
    examples: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    alone = {name: value for name, value in examples[0].items() if name != PARTNER}
    with pytest.raises(InputError, match=r"takes text from other rows[\s\S]*eval_dataset"):
        NextSentenceCollator(vocabulary, NextSentenceConfig(), 0)([alone])
