"""GLUE for any encoder: each task fine-tuned over seeds, official scores with their spread and cost.

    python -m benchmarks.glue MODEL --data DIR --work DIR [--tasks CoLA RTE] [--seeds 5]
    python -m benchmarks.glue MODEL --work DIR                 # from the Hub
    python -m benchmarks.glue MODEL --work DIR --from-mnli --submission DIR

A finished (task, seed) is not run again in the same `--work`. Tasks that are not there are named; there is
a mean over all nine alone. The test labels of GLUE are secret: from the Hub, scores are of the validation
split, which also chose the epoch, as published development scores are; files of your own that have a test
split with labels are scored on that. `--submission` writes the files that GLUE's site takes, predicted by
the seed with the best validation score. `--from-mnli` starts RTE, MRPC and STS-B from the model that was
fine-tuned on MNLI with the same seed, with a new head (Liu et al. 2019, "RoBERTa", section 5.1).
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.glue_submission import site_tables
from benchmarks.glue_tasks import BY_NAME, TASKS, GlueTask, hub_task, local_task
from benchmarks.record import write_record
from benchmarks.refusing import refusals
from benchmarks.suite import (
    hand_in,
    over_seeds,
    print_table,
    suite_parser,
    task_result,
)
from mlm_pretrain.compare import Grid, LabelledTask, scored_metric
from mlm_pretrain.compare.grid import predictions
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS as KINDS

_START = "MNLI"
_STARTED = ("RTE", "MRPC", "STS-B")  # from it


def main() -> None:
    """Run what is missing, print the table, write the record and what is to be handed in."""
    parser = suite_parser("glue", list(BY_NAME), __doc__.splitlines()[0])
    parser.add_argument("--from-mnli", action="store_true", help=f"start {', '.join(_STARTED)} so")
    with refusals():
        _run(parser.parse_args())


def _run(arguments: argparse.Namespace) -> None:
    sources = _sources(arguments.tasks or list(BY_NAME), arguments)
    if not sources:
        names = ", ".join(BY_NAME[name].config for name in arguments.tasks or BY_NAME)
        raise SystemExit(f"{arguments.data}: none of the folders {names} (or glue_…)")
    start = _start(arguments) if arguments.from_mnli else None
    grid = Grid(arguments.work)
    results: dict[str, dict[str, Any]] = {}
    tables: dict[str, str] = {}
    for name, source in sources.items():
        model_of = partial(_model, name, grid, arguments.model, start)
        records = over_seeds(grid, model_of, source, arguments.seeds)
        results[name] = _result(BY_NAME[name], source, records)
        if start is not None and name in _STARTED:
            results[name]["from"] = _START
        if arguments.submission is not None:
            tables |= site_tables(BY_NAME[name], source, grid, records, arguments.data)
    print_table(results, list(BY_NAME), "nine")
    settings = {
        "model": arguments.model, "seeds": arguments.seeds, "finetune": arguments.settings,
        "from_mnli": arguments.from_mnli,
    }  # fmt: skip
    print("record:", write_record("glue", settings, results, arguments.out))
    if arguments.submission is not None:
        hand_in(arguments.submission, tables, [n for task in TASKS for n in task.test_places])


def _sources(names: list[str], arguments: argparse.Namespace) -> dict[str, LabelledTask]:
    """Those tasks that are there, with the command's settings over their own."""
    found = {}
    for name in names:
        source = _source(BY_NAME[name], arguments.data)
        if source is not None:
            found[name] = source.over(arguments.settings)
            scored_metric(found[name], arguments.model)
            _check_positive(BY_NAME[name], found[name], arguments.model)
    return found


def _check_positive(task: GlueTask, source: LabelledTask, model: str) -> None:
    """F1 is that of one label, which has to be known by its name or its number."""
    if "f1" not in task.scores:
        return
    config = source.config(model, 0)
    kind = KINDS[source.kind](config)
    kind.learn(kind.read(config.train, "train"))
    if not {task.labels[1], "1"} & set(kind.labels):
        raise InputError(
            f"{config.train}: {task.name}'s labels are {', '.join(kind.labels[:5])}",
            f"write {' and '.join(task.labels)}, or 0 and 1",
        )


def _source(task: GlueTask, data: Path | None) -> LabelledTask | None:
    return hub_task(task) if data is None else local_task(task, data)


def _start(arguments: argparse.Namespace) -> LabelledTask:
    found = _sources([_START], arguments)
    if not found:
        folder = BY_NAME[_START].config
        raise SystemExit(f"--from-mnli: {arguments.data} has no folder {folder} (or glue_{folder})")
    return found[_START]


def _model(name: str, grid: Grid, model: str, start: LabelledTask | None, seed: int) -> str:
    """What a run starts from: the model, or what became of it on `start` with the same seed."""
    if start is None or name not in _STARTED:
        return model
    return str(grid.run(model, start, seed, keep_model=True)["folder"])


def _result(task: GlueTask, source: LabelledTask, records: list[dict[str, Any]]) -> dict[str, Any]:
    """MNLI's score is the mean of its two splits' accuracies, as GLUE's own mean takes it."""
    is_matched = len(task.splits) > 1
    scored = "validation" if is_matched else source.scored_split
    parts = [{name: _score(task, name, r, scored) for name in task.scores} for r in records]
    names = (*task.scores, "mismatched") if is_matched else task.scores
    if is_matched:
        for part, record in zip(parts, records, strict=True):
            part["mismatched"] = record["metrics"]["test"][task.metric]
    return task_result(records, parts, names, scored)


def _score(task: GlueTask, name: str, record: dict[str, Any], split: str) -> float:
    if name != "f1":
        return float(record["metrics"][split][name])
    from mlm_pretrain.evaluation.metrics import load_metric

    rows = predictions(record, split)
    true, guessed = [row["label"] for row in rows], [row["prediction"] for row in rows]
    positive = next(label for label in (task.labels[1], "1") if label in {*true, *guessed})
    f1 = load_metric("f1").compute(
        predictions=guessed, references=true, average="binary", positive=positive
    )
    return float(f1["f1"])


if __name__ == "__main__":
    main()
