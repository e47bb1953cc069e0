"""What a run says of a classifier beside its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score
from tiny_problems import mentions, opinions

from mlm_pretrain.finetune import TASKS, FinetuneConfig, finetune
from mlm_pretrain.finetune.analysis import analyse
from mlm_pretrain.finetune.tag_analysis import analyse_tags
from mlm_pretrain.manifest import read_manifest


def _row(text: str, label: str, chance_of_b: float) -> dict[str, Any]:
    return {
        "text": text, "label": label, "prediction": "ab"[chance_of_b > 0.5],
        "probabilities": {"a": 1 - chance_of_b, "b": chance_of_b},
    }  # fmt: skip


def test_lengths_are_grouped_from_short_to_long() -> None:
    rows = [_row("x " * n, "b", 0.9 if n < 5 else 0.2) for n in (8, 1, 6, 3, 2, 7, 4, 5)]
    found = analyse({"validation": rows}, ["a", "b"])["validation"]["by_length"]
    spans = [(group["words_from"], group["words_to"], group["accuracy"]) for group in found]
    assert spans == [(1, 2, 1.0), (3, 4, 1.0), (5, 6, 0.0), (7, 8, 0.0)]


def test_fewer_examples_than_groups_are_a_group_each() -> None:
    rows = [_row("x", "a", 0.1), _row("x y", "b", 0.2)]
    found = analyse({"validation": rows}, ["a", "b"])["validation"]
    assert [group["examples"] for group in found["by_length"]] == [1, 1]
    assert found["confusion"] == [[1, 0], [1, 0]]


def test_a_run_writes_its_analysis(write: Any, bert: str, tmp_path: Path) -> None:
    files = {
        "train": write("t.jsonl", opinions(64, 0)),
        "validation": write("v.jsonl", opinions(40, 1)),
    }
    out = str(tmp_path / "out")
    config = FinetuneConfig(
        model=bert, **files, test=write("s.jsonl", opinions(30, 2)), out=out, epochs=1,
        learning_rate=1e-3, precision="fp32",
    )  # fmt: skip
    result = finetune("sentiment", config)
    found = json.loads((Path(out) / "analysis.json").read_text())
    assert "analysis.json" in read_manifest(out, "finetune").files
    assert found["temperature"] > 0
    lines = (Path(out) / "predictions_test.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    sides = [[row[side] for row in rows] for side in ("label", "prediction")]
    of_test = found["test"]
    assert of_test["confusion"] == confusion_matrix(*sides, labels=found["labels"]).tolist()
    f1 = f1_score(*sides, average=None, labels=found["labels"], zero_division=0)
    assert [of_test["by_label"][label]["f1"] for label in found["labels"]] == pytest.approx(f1)
    whole = sum(group["accuracy"] * group["examples"] for group in of_test["by_length"])
    assert whole / 30 == pytest.approx(result["metrics"]["test"]["accuracy"])
    assert 0 <= of_test["calibration"]["ece"] <= 1


def test_an_entity_may_be_nearly_right() -> None:
    """By hand: one found whole, one a word too short, one of the wrong type, one not there."""
    rows = [
        {
            "tags": ["B-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "O"],
            "predictions": ["B-PER", "O", "B-PER", "O", "O", "B-PER", "O"],
        },
        {"tags": ["O", "O"], "predictions": ["O", "B-LOC"]},
    ]
    found = analyse_tags({"test": rows})["test"]["overall"]
    assert {way: of["correct"] for way, of in found.items()} == {
        "strict": 1, "exact": 2, "partial": 2, "ent_type": 2
    }  # fmt: skip
    assert found["partial"]["partial"] == 1
    assert found["strict"]["spurious"] == 1
    assert found["strict"]["precision"] == pytest.approx(1 / 4)
    assert found["partial"]["recall"] == pytest.approx(2.5 / 3)


def test_the_strict_score_of_a_run_is_its_f1(write: Any, bert: str, tmp_path: Path) -> None:
    files = {
        "train": write("t.jsonl", mentions(96, 0)),
        "validation": write("v.jsonl", mentions(30, 1)),
    }
    config = FinetuneConfig(
        model=bert, **files, out=str(tmp_path / "out"), epochs=3, learning_rate=5e-3,
        embedding_rate=1.0, precision="fp32",
    )  # fmt: skip
    scores = finetune("ner", config)["metrics"]["validation"]
    found = json.loads((tmp_path / "out" / "analysis.json").read_text())["validation"]
    assert found["overall"]["strict"]["f1"] == pytest.approx(scores["f1"])
    assert scores["f1"] < found["overall"]["partial"]["f1"] <= 1
    assert set(found["by_type"]) == {"PER", "LOC"}


def test_small_chances_are_written_with_their_digits(write: Any, bert: str, tmp_path: Path) -> None:
    """A temperature that is fitted on rounded chances takes a sure answer for an infinitely sure one."""
    path = write("t.jsonl", opinions(20, 0))
    task = TASKS["sentiment"](FinetuneConfig(model=bert, train=path, validation=path, out="o"))
    task.learn(task.read(path, "train"))
    found = task.answer(np.array([15.0, 0.0]))["probabilities"]
    assert found["1"] == pytest.approx(1 / (1 + np.exp(15.0)), rel=1e-5)
