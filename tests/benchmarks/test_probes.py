"""Models are judged by what they were given, and by nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from benchmarks.probes import SENTENCES, guesses, mean_score


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def test_masks_are_filled_in_short_sentences(tiny_model: Path) -> None:
    found = guesses(str(tiny_model))
    assert found.keys() == set(SENTENCES) and all(len(words) == 5 for words in found.values())


def test_a_task_is_scored_on_either_split(tiny_model: Path, tmp_path: Path) -> None:
    rows = [{"text": f"{word} of it", "label": word} for word in ("returns", "raises")] * 24
    write_lines(tmp_path / "trec" / "train.jsonl.gz", rows)
    write_lines(tmp_path / "trec" / "validation.jsonl.gz", rows)
    swapped = [{**row, "label": {"returns": "raises"}.get(row["label"], "returns")} for row in rows]
    write_lines(tmp_path / "trec" / "test.jsonl.gz", swapped)
    found = mean_score(str(tiny_model), tmp_path, "trec", labels=48, seeds=2, epochs=15)
    assert [score["validation"] + score["test"] for score in found["scores"]] == [100, 100]
    assert found["validation"] > 50 > found["test"]
