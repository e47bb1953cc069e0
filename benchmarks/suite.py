"""What suites of tasks (GLUE, SuperGLUE) share: the command, runs over seeds, a table, files to hand in."""

from __future__ import annotations

import argparse
import json
import statistics
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS
from benchmarks.report_sections import mean_text
from mlm_pretrain.compare import Grid, LabelledTask
from mlm_pretrain.compare.grid import predictions

ZIP = "submission.zip"
_NO_SCORES = ("score", "scored", "from", "train_examples", "seconds")


def suite_parser(name: str, tasks: Sequence[str], description: str) -> argparse.ArgumentParser:
    """What the command of the suite `name` takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="folder or Hub name of an encoder")
    parser.add_argument("--data", type=Path, help="folder with a folder a task; else from the Hub")
    parser.add_argument("--tasks", nargs="+", choices=tasks)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, required=True, help="where runs lie")
    parser.add_argument("--settings", type=json.loads, default={}, help="of finetune, as JSON")
    parser.add_argument("--submission", type=Path, help="where to put the site's files")
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="the record")
    return parser


def over_seeds(
    grid: Grid, model_of: Callable[[int], str], source: LabelledTask, seeds: int
) -> list[dict[str, Any]]:
    """Records of the runs, made where they are missing; `model_of` a seed is what it starts from."""
    return [grid.run(model_of(seed), source, seed) for seed in range(seeds)]


def task_result(
    records: Sequence[dict[str, Any]],
    parts: Sequence[Mapping[str, float]],
    official: Sequence[str],
    scored: str,
) -> dict[str, Any]:
    """`parts` of every seed in percent, by name; `score` is the mean of the official ones."""
    found = {name: [round(100 * part[name], 2) for part in parts] for name in parts[0]}
    columns = zip(*(found[name] for name in official), strict=True)
    return {
        **found,
        "score": [round(statistics.mean(column), 2) for column in columns],
        "scored": scored,
        "train_examples": records[0]["train_examples"],
        "seconds": [record["seconds"] for record in records],
    }


def print_table(results: dict[str, dict[str, Any]], names: Sequence[str], count: str) -> None:
    """A line a task, and the mean over all tasks (`count` says how many in words) if all are there."""
    for name, found in results.items():
        listed = [part for part in found if part not in _NO_SCORES]
        parts = ", ".join(f"{part} {mean_text(found[part])}" for part in listed)
        start = f"; from {found['from']}" if "from" in found else ""
        print(
            f"{name:8}{mean_text(found['score']):>14}  ({parts}; {found['scored']}{start}; "
            f"{statistics.mean(found['seconds']):.0f} s a run)"
        )
    if missing := [name for name in names if name not in results]:
        print(f"no mean over all {count}: {', '.join(missing)} not there")
    else:
        columns = zip(*(found["score"] for found in results.values()), strict=True)
        print(f"{'mean':8}{mean_text([statistics.mean(column) for column in columns]):>14}")


def unlabelled_predictions(
    grid: Grid, source: LabelledTask, records: Sequence[dict[str, Any]], path: Path
) -> list[dict[str, Any]]:
    """What the seed with the best validation score, of that which chose its epoch, says of rows in `path`.

    Its run is made once more with the file, since weights are not kept: so are none but this one.
    """
    best = max(records, key=lambda record: record["metrics"]["validation"][record["best_by"]])
    given = source.over({"unlabelled": str(path)})
    return predictions(grid.run(best["model"], given, best["seed"]), "unlabelled")


def hand_in(folder: Path, texts: Mapping[str, str], wanted: Sequence[str]) -> None:
    """Write files by name, and all into one archive; say which of those `wanted` are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
            archive.write(folder / name, name)
    print(f"to hand in: {folder / ZIP} ({', '.join(texts)})")
    if missing := [name for name in wanted if name not in texts]:
        print(f"not in it, not run or without a test file: {', '.join(missing)}")
