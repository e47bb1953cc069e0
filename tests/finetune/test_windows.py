"""Texts longer than the model, in windows."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_problems import BAD, FILLERS, GOOD, wordpiece

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.classification import Classification
from mlm_pretrain.finetune.data import TextExample

NAMES = ("input_ids", "attention_mask", "token_type_ids")


def _late_opinions(count: int, seed: int) -> list[dict[str, Any]]:
    """The label is in the last words, behind more words than the model reads at once."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        words = generator.choices(FILLERS, k=generator.randint(40, 50))
        words += generator.choices((BAD, GOOD)[number % 2], k=3)
        rows.append({"text": " ".join(words), "label": number % 2})
    return rows


def _finetuned(write: Any, model: str, out: str, **settings: Any) -> tuple[FinetuneConfig, Any]:
    train = write("train.jsonl", _late_opinions(160, 0))
    given = {"train": train, "validation": write("validation.jsonl", _late_opinions(40, 1))}
    config = FinetuneConfig(
        model=model, **given, out=str(Path(train).parent / out), max_length=24, batch_size=8,
        learning_rate=1e-3, embedding_rate=1.0, epochs=6, precision="fp32", **settings,
    )  # fmt: skip
    return config, finetune("sentiment", config)


def test_what_lies_behind_the_model_is_read_in_windows(write: Any, bert: str) -> None:
    _, cut = _finetuned(write, bert, "cut")
    config, result = _finetuned(write, bert, "windows", long_texts="windows")
    assert cut["metrics"]["validation"]["accuracy"] < 0.75
    assert cut["counts"]["cut_texts"] == 200
    assert result["metrics"]["validation"]["accuracy"] > 0.9
    assert result["counts"]["texts_in_windows"] == 200
    _check_means(config)


def _check_means(config: FinetuneConfig) -> None:
    """A row's probabilities are those of the mean of its windows' outputs, by the saved folder."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(config.out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
    lines = (Path(config.out) / "predictions_validation.jsonl").read_text().splitlines()
    for row in map(json.loads, lines[:5]):
        windows = tokenizer(
            row["text"], truncation=True, max_length=24, stride=6, padding=True, return_tensors="pt",
            return_overflowing_tokens=True,
        )  # fmt: skip
        windows.pop("overflow_to_sample_mapping")
        with torch.no_grad():
            mean_C = model(**windows).logits.mean(0)
        assert len(windows["input_ids"]) >= 3
        found = list(row["probabilities"].values())
        np.testing.assert_allclose(found, mean_C.softmax(0).numpy(), atol=1e-5)


def _task(**settings: Any) -> Classification:
    config = FinetuneConfig(
        model="m", train="t", validation="v", out="o", long_texts="windows", **settings
    )
    return Classification(config)


def _examples(texts: list[str], pairs: list[str | None]) -> list[TextExample]:
    rows = zip(texts, pairs, strict=True)
    return [TextExample(a, b, str(n % 2), f"f:{n}") for n, (a, b) in enumerate(rows)]


def test_windows_share_the_stride_and_lose_no_token() -> None:
    task, tokenizer = _task(stride=3), wordpiece()
    words = [FILLERS[n % len(FILLERS)] for n in range(30)]
    examples = _examples([" ".join(words), "cat", ""], [None] * 3)
    task.learn(examples)
    features = task.encode(examples, tokenizer, NAMES, 12)
    whole = tokenizer(examples[0].text, add_special_tokens=False)["input_ids"]
    pieces = [f.inputs["input_ids"][1:-1].tolist() for f in features if f.example == 0]
    assert [len(piece) for piece in pieces] == [10, 10, 10, 9]
    joined = pieces[0] + [token for piece in pieces[1:] for token in piece[3:]]
    assert joined == whole
    assert all(a[-3:] == b[:3] for a, b in itertools.pairwise(pieces))
    assert [f.example for f in features] == [0, 0, 0, 0, 1, 2]
    assert [int(f.labels[0]) for f in features] == [0, 0, 0, 0, 1, 0]


def test_of_a_pair_the_second_text_is_divided_and_the_first_stands_in_every_window() -> None:
    task, tokenizer = _task(stride=2), wordpiece()
    long = " ".join(["tree"] * 30)
    examples = _examples(["cat dog", long], [long, "cat"])
    task.learn(examples)
    features = task.encode(examples, tokenizer, NAMES, 16)
    first = tokenizer("cat dog", add_special_tokens=False)["input_ids"]
    of_first = [f.inputs["input_ids"].tolist() for f in features if f.example == 0]
    assert len(of_first) > 2
    assert all(ids[1:3] == first and len(ids) <= 16 for ids in of_first)
    assert sum(len(ids) - 5 for ids in of_first) - 2 * (len(of_first) - 1) == 30
    (other,) = [f.inputs["input_ids"].tolist() for f in features if f.example == 1]
    assert len(other) == 8 + 4  # half of the window, one word, three special tokens
    assert task.counts == {"texts_in_windows": 1, "cut_first_texts": 1}


def test_windows_are_for_texts_that_are_not_divided_anyway(write: Any, bert: str) -> None:
    rows = write("rows.jsonl", [{"tokens": ["cat"], "ner_tags": ["O"]}])
    config = FinetuneConfig(model=bert, train=rows, validation=rows, out="o", long_texts="windows")
    with pytest.raises(InputError, match="long_texts: ner divides what is long in any case"):
        finetune("ner", config)
