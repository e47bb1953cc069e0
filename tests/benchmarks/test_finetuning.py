"""The baseline that fine-tuning is measured against learns what there is to learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import package_process
import pytest
import tiny_problems
from tiny_problems import mentions, opinions, praise, questions, save_model, wordpiece

from benchmarks import finetuning_stock
from benchmarks.finetuning_stock import train_stock

# A task's problem, its score, and what a model that has learnt it reaches.
_CASES: dict[str, tuple[Any, str, float]] = {
    "sentiment": (opinions, "accuracy", 0.9),
    "regression": (praise, "spearman", 0.7),
    "ner": (mentions, "f1", 0.7),
    "qa": (questions, "f1", 0.6),
}


@pytest.mark.parametrize("kind", _CASES)
def test_the_stock_way_learns(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    problem, score, least = _CASES[kind]
    monkeypatch.setattr(finetuning_stock, "LENGTH", dict.fromkeys(_CASES, 40))
    monkeypatch.setattr(finetuning_stock, "_STRIDE", 8)
    files = {}
    for split, count in (("train", 200), ("validation", 40)):
        path = tmp_path / f"{split}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in problem(count, count)))
        files[split] = str(path)
    model = save_model(tmp_path / "model", "bert", wordpiece())
    settings = {"epochs": 8, "learning_rate": 5e-3, "batch_size": 16}
    found = train_stock(kind, model, files, settings, 0, str(tmp_path / "out"))
    assert found[score] > least


def test_both_ways_get_the_same_rows(tmp_path: Path, monkeypatch: Any) -> None:
    data, work = tmp_path / "data" / "glue_rte", tmp_path / "work"
    data.mkdir(parents=True)
    work.mkdir()
    for split, count in (("train", 80), ("validation", 12)):
        rows = [json.dumps(row) for row in opinions(count, count)]
        (data / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(tiny_problems, "POSITIONS", 128)  # what the benchmark takes
    model = save_model(tmp_path / "model", "bert", wordpiece())
    given = [
        "--model",
        str(model),
        "--data",
        str(data.parent),
        "--work",
        str(work),
        "--tasks",
        "rte",
    ]
    given += ["--seeds", "1", "--train-rows", "40", "--out", str(tmp_path / "record.json")]
    done = package_process.run(["-m", "benchmarks.finetuning", *given])
    assert done.returncode == 0, done.stderr[-3000:]
    few = (work / "rte-train-40.jsonl").read_text().splitlines()
    assert len(set(few)) <= 40 == len(few)
    assert set(few) <= set((data / "train.jsonl").read_text().splitlines())
    assert not (work / "rte-validation-40.jsonl").exists()  # it has all of its twelve
    found = json.loads((tmp_path / "record.json").read_text())
    assert found["settings"]["train_rows"] == 40
    assert all(len(found["results"]["rte"][way]["scores"]) == 1 for way in ("stock", "ours"))
