"""GLUE for any encoder: each task fine-tuned over seeds, official scores with their spread and cost.

    python -m benchmarks.glue MODEL --data DIR --work DIR [--tasks CoLA RTE] [--seeds 5]
    python -m benchmarks.glue MODEL --work DIR                 # from the Hub

A finished (task, seed) is not run again in the same `--work`. Tasks that are not there are named; there is
a mean over all nine alone. The test labels of GLUE are secret: from the Hub, scores are of the validation
split, which also chose the epoch, as published development scores are; files of your own that have a test
split are scored on that.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.glue_tasks import BY_NAME, TASKS, GlueTask, hub_task, local_task
from benchmarks.record import RESULTS, write_record
from benchmarks.report_sections import mean_text
from mlm_pretrain.compare import Grid, LabelledTask
from mlm_pretrain.compare.grid import predictions
from mlm_pretrain.errors import InputError


def main() -> None:
    """Run what is missing, print the table, write the record."""
    arguments = _parse()
    wanted = [BY_NAME[name] for name in arguments.tasks or BY_NAME]
    found = {task.name: _source(task, arguments.data) for task in wanted}
    there = {n: of.over(arguments.settings) for n, of in found.items() if of is not None}
    if not there:
        names = ", ".join(task.config for task in wanted)
        raise SystemExit(f"{arguments.data}: none of the folders {names} (or glue_…)")
    grid = Grid(arguments.work)
    results = {
        name: task_scores(BY_NAME[name], source, grid, arguments.model, arguments.seeds)
        for name, source in there.items()
    }
    _print(results, [name for name in BY_NAME if name not in results])
    settings = {"model": arguments.model, "seeds": arguments.seeds, "finetune": arguments.settings}
    print("record:", write_record("glue", settings, results, arguments.out))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder or Hub name of an encoder")
    parser.add_argument("--data", type=Path, help="folder with a folder a task; else from the Hub")
    parser.add_argument("--tasks", nargs="+", choices=[task.name for task in TASKS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, required=True, help="where runs lie")
    parser.add_argument("--settings", type=json.loads, default={}, help="of finetune, as JSON")
    parser.add_argument("--out", type=Path, default=RESULTS / "glue.json", help="the record")
    return parser.parse_args()


def _source(task: GlueTask, data: Path | None) -> LabelledTask | None:
    try:
        return hub_task(task) if data is None else local_task(task, data)
    except InputError as error:
        raise SystemExit(str(error)) from None


def task_scores(
    task: GlueTask, source: LabelledTask, grid: Grid, model: str, seeds: int
) -> dict[str, Any]:
    """Official scores of every seed in percent; `score` is their mean, as GLUE's table has it.

    MNLI's are those of the matched split, with `mismatched` beside them.
    """
    records = [grid.run(model, source, seed) for seed in range(seeds)]
    scored = "validation" if len(task.splits) > 1 else source.scored_split
    found: dict[str, Any] = {
        name: [round(100 * _score(task, name, record, scored), 2) for record in records]
        for name in task.scores
    }
    if len(task.splits) > 1:
        other = [record["metrics"]["test"][task.metric] for record in records]
        found["mismatched"] = [round(100 * score, 2) for score in other]
    columns = zip(*(found[name] for name in task.scores), strict=True)
    return {
        **found,
        "score": [round(statistics.mean(column), 2) for column in columns],
        "scored": scored,
        "train_examples": records[0]["train_examples"],
        "seconds": [record["seconds"] for record in records],
    }


def _score(task: GlueTask, name: str, record: dict[str, Any], split: str) -> float:
    if name != "f1":
        return float(record["metrics"][split][name])
    from mlm_pretrain.evaluation.metrics import load_metric

    rows = predictions(record)
    true, guessed = [row["label"] for row in rows], [row["prediction"] for row in rows]
    positive = next(label for label in task.positive if label in {*true, *guessed})
    f1 = load_metric("f1").compute(
        predictions=guessed, references=true, average="binary", positive=positive
    )
    return float(f1["f1"])


def _print(results: dict[str, dict[str, Any]], missing: list[str]) -> None:
    for name, found in results.items():
        parts = ", ".join(f"{part} {mean_text(found[part])}" for part in _parts(name, found))
        print(
            f"{name:8}{mean_text(found['score']):>14}  ({parts}; {found['scored']}; "
            f"{statistics.mean(found['seconds']):.0f} s a run)"
        )
    if missing:
        print(f"no mean over all nine: {', '.join(missing)} not there")
    else:
        means = [statistics.mean(column) for column in zip(*_columns(results), strict=True)]
        print(f"{'mean':8}{mean_text(means):>14}")


def _parts(name: str, found: dict[str, Any]) -> list[str]:
    return [part for part in (*BY_NAME[name].scores, "mismatched") if part in found]


def _columns(results: dict[str, dict[str, Any]]) -> list[list[float]]:
    return [found["score"] for found in results.values()]


if __name__ == "__main__":
    main()
