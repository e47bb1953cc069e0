"""Small files of a suite's tasks, and its command on a tiny model."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tiny_problems import FILLERS, save_model, wordpiece

SETTINGS = {"epochs": 1, "learning_rate": 5e-3, "embedding_rate": 1.0}


def pairs(count: int, seed: int, labels: list[Any]) -> list[dict[str, Any]]:
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        first, second = (" ".join(generator.choices(FILLERS, k=4)) for _ in range(2))
        rows.append({"text": first, "text_pair": second, "label": labels[number % len(labels)]})
    return rows


def write(folder: Path, splits: dict[str, list[dict[str, Any]]]) -> None:
    folder.mkdir(parents=True)
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def run_suite(
    module: Any,
    monkeypatch: Any,
    data: Path,
    work: Path,
    *more: str,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the record holds once `module`'s command is done."""
    model, out = work / "model", work / "out.json"
    if not model.exists():
        save_model(model, "bert", wordpiece())
    flags = ["--data", str(data), "--work", str(work), "--seeds", "2", "--out", str(out)]
    flags += ["--settings", json.dumps({**SETTINGS, **(settings or {})}), *more]
    monkeypatch.setattr("sys.argv", ["suite", str(model), *flags])
    module.main()
    return dict(json.loads(out.read_text())["results"])


def made_runs(work: Path) -> dict[Path, int]:
    """When each kept run was made."""
    return {path: path.stat().st_mtime_ns for path in work.rglob("record.json")}
