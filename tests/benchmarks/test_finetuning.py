"""The baseline that fine-tuning is measured against learns what there is to learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
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
