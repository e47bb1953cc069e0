"""Predictions of GLUE's test files as its site takes them: a table of index and prediction a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.glue_tasks import GlueTask, files_to_predict
from benchmarks.suite import unlabelled_predictions
from mlm_pretrain.compare import Grid, LabelledTask
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.fields import is_number
from mlm_pretrain.finetune.outputs import write_rows
from mlm_pretrain.finetune.sources import read_rows

_INDEXES = ("idx", "index")
_HIGHEST = 5.0  # of the likeness of two sentences


def site_tables(
    task: GlueTask,
    source: LabelledTask,
    grid: Grid,
    records: Sequence[dict[str, Any]],
    data: Path | None,
) -> dict[str, str]:
    """The task's tables by the names that the site has for them; none where it has no test file.

    The rows of all its test files go through one run.
    """
    found = files_to_predict(task, data)
    rows = {name: [row.values for row in read_rows(spec, "test")] for name, spec in found.items()}
    if not rows:
        return {}
    path = grid.folder / "test_rows" / f"{task.config}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, [row for of_file in rows.values() for row in of_file])
    guesses = iter(unlabelled_predictions(grid, source, records, path))
    return {
        name: site_table(task, of_file, [next(guesses)["prediction"] for _ in of_file])
        for name, of_file in rows.items()
    }


def site_table(task: GlueTask, rows: Sequence[dict[str, Any]], guesses: Sequence[Any]) -> str:
    """A line a row: its own index, or else its place from 0, and what was predicted."""
    lines = ["index\tprediction"]
    for place, (row, guess) in enumerate(zip(rows, guesses, strict=True)):
        index = next((row[name] for name in _INDEXES if name in row), place)
        lines.append(f"{index}\t{site_label(task, guess)}")
    return "\n".join(lines) + "\n"


def site_label(task: GlueTask, guess: Any) -> str:
    """As the site wants it: a quantity within its bounds, the label's name, or its number.

    Raises:
        InputError: for a label that is none of the task's.
    """
    if not task.labels:
        return f"{min(max(float(guess), 0.0), _HIGHEST):.3f}"
    number = int(guess) if is_number(guess) else -1
    if guess in task.labels:
        number = task.labels.index(guess)
    if not 0 <= number < len(task.labels):
        raise InputError(
            f"{task.name}: '{guess}' is no label of its",
            f"its site knows {', '.join(task.labels)}, or their numbers from 0",
        )
    return task.labels[number] if task.named else str(number)
