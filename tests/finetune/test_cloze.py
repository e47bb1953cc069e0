"""Labels as the words that fill a gap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_problems import FILLERS, byte_bpe, opinions, save_model, wordpiece
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from mlm_pretrain.config import build_config, overridden
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.cloze import Cloze, check_template, word_id
from mlm_pretrain.finetune.data import TextExample

WORDS = {"0": ["awful", "boring"], "1": "lovely"}
TEMPLATE = "{text} it is {mask}."


def _taking_blanks() -> Any:
    """A mask that takes the blank before it, as RoBERTa's does."""
    model = Tokenizer.from_str(byte_bpe().backend_tokenizer.to_str())
    model.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "model_max_length")
    given = {name: getattr(byte_bpe(), name) for name in names}
    return PreTrainedTokenizerFast(tokenizer_object=model, **given)


TOKENIZERS = {"modernbert": _taking_blanks, "roberta": byte_bpe}


@pytest.fixture(scope="module", params=["bert", "modernbert", "roberta", "distilbert", "electra"])
def masked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = TOKENIZERS.get(request.param, wordpiece)()
    return save_model(tmp_path_factory.mktemp(request.param), request.param, tokenizer)


def _config(write: Any, model: str, count: int = 48, **settings: Any) -> FinetuneConfig:
    train = write("train.jsonl", opinions(count, 0))
    given = {"train": train, "validation": write("validation.jsonl", opinions(24, 1))}
    values = {
        "batch_size": 8, "epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "words": WORDS,
        "template": TEMPLATE,
    }  # fmt: skip
    out = str(Path(train).parent / "out")
    return FinetuneConfig(model=model, **given, out=out, **{**values, **settings})


def test_a_labels_chance_is_that_of_its_words_at_the_gap(write: Any, masked: str) -> None:
    """Of the saved folder, an ordinary masked model, with all logits of all tokens computed."""
    config = _config(write, masked, words={"0": ["the", "dog"], "1": "house"})
    finetune("cloze", config)
    model = transformers.AutoModelForMaskedLM.from_pretrained(config.out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
    lines = (Path(config.out) / "predictions_validation.jsonl").read_text().splitlines()
    ids = [[word_id(word, TEMPLATE, tokenizer) for word in words]
           for words in (["the", "dog"], ["house"])]  # fmt: skip
    assert tokenizer.decode(ids[1]).strip() == "house"
    takes_blank = "roberta" not in masked  # whose mask does not take it here
    for row in map(json.loads, lines):
        text = f"{row['text']} it is{' ' * takes_blank}{tokenizer.mask_token}."
        inputs = tokenizer(text, return_tensors="pt")
        gap = int((inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0, 0])
        with torch.no_grad():
            logits_V = model(**inputs).logits[0, gap]
        means = torch.stack([logits_V[of].mean() for of in ids])
        found = [row["probabilities"]["0"], row["probabilities"]["1"]]
        np.testing.assert_allclose(found, means.softmax(0).numpy(), atol=2e-5)


def test_it_is_learnt(write: Any, bert: str) -> None:
    config = _config(write, bert, 160, epochs=8, learning_rate=5e-3, embedding_rate=1.0)
    result = finetune("cloze", config)
    assert result["metrics"]["validation"]["accuracy"] > 0.9
    assert result["words"] == {"0": ["awful", "boring"], "1": ["lovely"]}


def _task(**settings: Any) -> Cloze:
    values = {"words": WORDS, "template": TEMPLATE, **settings}
    task = Cloze(FinetuneConfig(model="m", train="t", validation="v", out="o", **values))
    return task


def test_no_length_and_no_text_loses_the_gap() -> None:
    task, tokenizer = _task(), wordpiece()
    long = " ".join(FILLERS * 5)
    texts = [long, f"[MASK] the [MASK] {long}", "", "cat"]
    examples = [TextExample(text, None, str(n % 2), "f") for n, text in enumerate(texts)]
    task.learn(examples)
    features = task.encode(examples, tokenizer, ("input_ids",), 24)
    for feature in features:
        ids = feature.inputs["input_ids"]
        assert (ids == tokenizer.mask_token_id).sum() == 1 and len(ids) <= 24
        assert tokenizer.decode(ids[-5:]) == "it is [MASK]. [SEP]"
    assert task.counts["cut_texts"] == 2


def test_pairs_stand_around_the_gap() -> None:
    task, tokenizer = _task(template=None), wordpiece()
    examples = [TextExample("the cat", "a dog", label, "f") for label in ("0", "1")]
    task.learn(examples)
    (first, _) = task.encode(examples, tokenizer, ("input_ids",), 32)
    assert tokenizer.decode(first.inputs["input_ids"]) == "[CLS] the cat? [MASK], a dog [SEP]"


def test_labels_that_yaml_takes_for_truth_are_told_to_be_quoted() -> None:
    for words in ("{yes: right, no: wrong}", "{entailment: Yes, contradiction: No}"):
        values = overridden({}, [f"words={words}"])
        with pytest.raises(InputError, match="unless they are in quotes"):
            build_config(FinetuneConfig, {"model": "m", "train": "t", **values}, "settings")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"words": {"0": "awful", "1": "uncharted"}}, "words: 'uncharted' is no one token"),
        ({"words": {"0": "awful"}}, "words: none for '?1'?"),
        ({"template": "{text} is fine"}, r"template: .* has to hold \{mask\}, \{text\}"),
        ({"template": "{text} {mask} {mask}"}, "each once"),
        ({"template": "{text} {mask"}, "template: "),
        ({"adapt": "lora"}, "adapt: cloze trains all weights"),
        ({"max_length": 12}, "max_length: 12 tokens, 6 of them the template's"),
    ],
    ids=str,
)
def test_what_leaves_no_gap_is_refused(
    write: Any, bert: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        finetune("cloze", _config(write, bert, **settings))


def test_a_model_without_a_masked_head_is_refused(write: Any, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "base", "bert", wordpiece())
    transformers.BertModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(InputError, match="has no masked-language head"):
        finetune("cloze", _config(write, folder))


def test_a_template_of_pairs_needs_both() -> None:
    check_template("{text_pair} {mask} {text}", True)
    with pytest.raises(InputError, match="text_pair"):
        check_template("{mask} {text}", True)
