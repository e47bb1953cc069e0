"""Sentences put into another order: where they begin, what moves, and the loss of both terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from segment_losses import large_weights, require_those_of_each_segment
from transformers import AutoModelForMaskedLM, AutoTokenizer, TrainingArguments

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.objectives.order import OBJECTIVE, OrderCollator, OrderConfig
from mlm_pretrain.objectives.sentences import sentence_starts
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.trainers import TRAINERS

KINDS = ["wordpiece", "byte-bpe", "unigram", "bpe"]
SENTENCES = [
    "The function returns a new array.", "It has the same type as before.", "See the value of None.",
    "Then an error is raised, as in the loop.", "Übrigens: naïve tests fail.", "The end of it.",
]  # fmt: skip


def segment(tokenizer: Any, sentences: list[str]) -> list[int]:
    """[CLS] sentences [SEP], as prepared rows have them."""
    ids: list[int] = tokenizer(" ".join(sentences), add_special_tokens=False)["input_ids"]
    return [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_begin_where_they_do_in_the_text(kind: str, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers[kind]
    lengths = [
        len(tokenizer(" ".join(SENTENCES[:count]), add_special_tokens=False)["input_ids"])
        for count in range(len(SENTENCES) + 1)
    ]
    ids = np.array(tokenizer(" ".join(SENTENCES), add_special_tokens=False)["input_ids"])
    assert sentence_starts(ids, read_vocabulary(tokenizer)).tolist() == lengths[:-1]
    assert sentence_starts(ids[:1], read_vocabulary(tokenizer)).tolist() == [0]


def rows(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(0)
    made = []
    for number in range(count):
        segments = [
            segment(tokenizer, [SENTENCES[i] for i in generator.permutation(6)]),
            segment(tokenizer, SENTENCES[:2]),  # too short to be put into another order
        ]
        made.append(
            {
                "input_ids": np.array([i for part in segments for i in part]),
                "segment_lengths": [len(part) for part in segments], "epoch": 0, "example": number,
            }
        )  # fmt: skip
    return made


def only_moved(collator: OrderCollator, example: dict[str, Any]) -> tuple[Any, Any]:
    from mlm_pretrain.objectives.randomness import row_generator

    rng = row_generator(1, 0, example["example"])
    return collator._reordered(example, example["input_ids"], rng)


@pytest.mark.parametrize("parts", [2, 3])
def test_whole_sentences_move_and_nothing_is_lost(parts: int, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    vocabulary = read_vocabulary(tokenizer)
    collator = OrderCollator(vocabulary, OrderConfig(parts=parts), 0)
    orders = []
    for example in rows(tokenizer, 60):
        seen, labels = only_moved(collator, example)
        before, length = example["input_ids"], example["segment_lengths"][0]
        assert (labels[1:] == IGNORED).all()  # the second segment is too short
        orders.append(int(labels[0]))
        assert np.array_equal(seen[length:], before[length:])
        assert sorted(seen) == sorted(before)
        starts = 1 + sentence_starts(before[1 : length - 1], vocabulary)
        fixed = [slice(0, starts[1]), slice(starts[-1], None)]  # what may be fragments
        assert all(np.array_equal(seen[part], before[part]) for part in fixed)
        whole = {tuple(before[a:b]) for a, b in zip(starts, [*starts[1:], length - 1], strict=True)}
        now = 1 + sentence_starts(seen[1 : length - 1], vocabulary)
        assert {tuple(seen[a:b]) for a, b in zip(now, [*now[1:], length - 1], strict=True)} == whole
        assert np.array_equal(seen, before) == (orders[-1] == 0)
    assert set(orders) == set(range([2, 6][parts - 2]))


def test_a_row_does_not_depend_on_its_neighbours(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    collator = OrderCollator(read_vocabulary(tokenizer), OrderConfig(), 0)
    examples = rows(tokenizer, 6)
    batch = collator(examples)
    for place, example in enumerate(examples):
        alone = collator([example])
        length = len(example["input_ids"])
        for name in ("input_ids", "labels", "order_labels"):
            assert torch.equal(alone[name][0, :length], batch[name][place, :length])


@pytest.mark.parametrize("method", ["products8", "masks"])
@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert"])
def test_both_losses_are_those_of_each_segment_alone(
    arch: str, method: str, tokenizers: dict[str, Any]
) -> None:
    tokenizer, config = tokenizers["wordpiece"], OrderConfig(order_weight=0.7)
    model = large_weights(f"{arch}:3x64", OBJECTIVE, tokenizer, config)
    batch = OrderCollator(read_vocabulary(tokenizer), config, 0)(rows(tokenizer, 4))
    assert OBJECTIVE.count(OBJECTIVE, batch)["order"] == 4
    require_those_of_each_segment(model, OBJECTIVE, config, batch, method)


def test_the_head_is_exported_beside_the_encoder(prepared: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", objective="order", steps=2,
        objective_settings={"parts": 3}, batch_size=8, precision="fp32",
    )  # fmt: skip
    pretrain(config)
    export(tmp_path / "run", tmp_path / "model")
    head = load_file(tmp_path / "model" / "heads.safetensors")
    assert head["order.2.weight"].shape == (6, 64)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert not [name for name in weights if "order" in name]
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "model").config.model_type == "bert"


def test_an_optimiser_without_the_heads_is_refused(prepared: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    optimizer = torch.optim.AdamW(model.parameters())
    with pytest.raises(InputError, match="does not know 4 weights that order trains beside"):
        TRAINERS["order"](
            model=model, args=TrainingArguments(str(tmp_path), use_cpu=True),
            train_dataset=PackedDataset(prepared, "train"), processing_class=tokenizer,
            optimizers=(optimizer, None),
        )  # fmt: skip


def test_labels_from_elsewhere_are_refused(prepared: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    given = {"model": model, "args": TrainingArguments(str(tmp_path), use_cpu=True)}
    rows = [{"input_ids": [2, 7, 8, 3], "labels": [-100, 7, -100, -100]}]
    with pytest.raises(InputError, match="order makes its own batches"):
        TRAINERS["order"](**given, train_dataset=rows, processing_class=tokenizer)
    with pytest.raises(InputError, match="order needs a tokenizer"):
        TRAINERS["order"](**given, train_dataset=PackedDataset(prepared, "train"))
