"""SuperGLUE for any encoder: each task fine-tuned over seeds, official scores with their spread and cost.

    python -m benchmarks.superglue MODEL --data DIR --work DIR [--tasks CB COPA] [--seeds 5]
    python -m benchmarks.superglue MODEL --work DIR [--submission DIR]         # from the Hub

`--data` has a folder a task (BoolQ, CB, COPA, MultiRC, ReCoRD, WiC) with train.jsonl, val.jsonl and mostly
test.jsonl of the official form, also .gz. They are converted once, into `--work`; a finished (task, seed) is
not run again there. Tasks that are not there are named; there is a mean over all six alone (SuperGLUE's own
mean counts RTE and WSC too). Scores are of the validation split, which also chose the epoch, unless the test
split has labels. `--submission` writes the files that SuperGLUE's site takes, predicted by the seed with the
best validation score.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import write_record
from benchmarks.refusing import refusals
from benchmarks.suite import (
    hand_in,
    over_seeds,
    print_table,
    suite_parser,
    task_result,
    unlabelled_predictions,
)
from benchmarks.superglue_scores import SCORES, Row, merged
from benchmarks.superglue_submission import site_lines
from benchmarks.superglue_tasks import BY_NAME, Source, task_source
from mlm_pretrain.compare import Grid, LabelledTask, scored_metric
from mlm_pretrain.compare.grid import predictions


def main() -> None:
    """Run what is missing, print the table, write the record and what is to be handed in."""
    with refusals():
        _run(suite_parser("superglue", list(BY_NAME), __doc__.splitlines()[0]).parse_args())


def _run(arguments: argparse.Namespace) -> None:
    wanted = arguments.tasks or list(BY_NAME)
    sources = _sources(wanted, arguments)
    if not sources:
        raise SystemExit(f"{arguments.data}: none of the folders {', '.join(wanted)}")
    grid = Grid(arguments.work)
    results, files = {}, {}
    for name, (task, to_predict) in sources.items():
        records = over_seeds(grid, lambda _: arguments.model, task, arguments.seeds)
        results[name] = _result(name, task, records)
        if arguments.submission is not None and to_predict is not None:
            guesses = unlabelled_predictions(grid, task, records, Path(to_predict))
            files[f"{name}.jsonl"] = site_lines(name, merged(_rows(to_predict), guesses))
    print_table(results, list(BY_NAME), "six")
    settings = {"model": arguments.model, "seeds": arguments.seeds, "finetune": arguments.settings}
    print("record:", write_record("superglue", settings, results, arguments.out))
    if arguments.submission is not None:
        hand_in(arguments.submission, files, [f"{name}.jsonl" for name in BY_NAME])


def _sources(names: Sequence[str], arguments: argparse.Namespace) -> dict[str, Source]:
    """Those tasks that are there, with the command's settings over their own."""
    found = {}
    for name in names:
        source = task_source(BY_NAME[name], arguments.data, arguments.work)
        if source is not None:
            found[name] = source._replace(task=source.task.over(arguments.settings))
            scored_metric(found[name].task, arguments.model)
    return found


def _result(name: str, task: LabelledTask, records: list[dict[str, Any]]) -> dict[str, Any]:
    rows = _rows(task.settings[task.scored_split])
    parts = [SCORES[name](merged(rows, predictions(record))) for record in records]
    return task_result(records, parts, list(parts[0]), task.scored_split)


def _rows(path: str) -> list[Row]:
    with Path(path).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
