"""The fine-tunings behind the answer: which there are, which lie there already, how long the rest takes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from mlm_pretrain.compare import Grid, LabelledTask
from mlm_pretrain.progress import say
from mlm_pretrain.worth.variants import CONTROL, Variant
from mlm_pretrain.worth.wording import duration

Record: TypeAlias = dict[str, Any]


class Run(NamedTuple):
    """One fine-tuning; `labels` is None for all that the task has."""

    seed: int
    task: str
    labels: int | None
    variant: str


class Work(NamedTuple):
    """What is run: models and tasks by name, in the order of the runs."""

    variants: Mapping[str, Variant]
    tasks: Mapping[str, LabelledTask]
    runs: Sequence[Run]

    def task_of(self, run: Run) -> LabelledTask:
        """The run's task, with few labels where it has few."""
        task = self.tasks[run.task]
        return task if run.labels is None else task.over({"max_train_examples": run.labels})


def planned(
    variants: Sequence[Variant],
    tasks: Sequence[LabelledTask],
    seeds: int,
    label_counts: Sequence[int] = (),
) -> Work:
    """All runs, seed by seed, so that what is there when it is stopped is balanced.

    With few labels there are the base and the adapted models, and no control.
    """
    counts: list[int | None] = [None, *label_counts]
    runs = [
        Run(seed, task.name, labels, variant.name)
        for seed in range(seeds)
        for task in tasks
        for labels in counts
        for variant in variants
        if labels is None or variant.role != CONTROL
    ]
    return Work({v.name: v for v in variants}, {task.name: task for task in tasks}, runs)


def kept(grid: Grid, work: Work) -> dict[Run, Record]:
    """The runs that lie there already."""
    found = {
        run: grid.kept(work.variants[run.variant].model, work.task_of(run), run.seed)
        for run in work.runs
    }
    return {run: record for run, record in found.items() if record is not None}


def carried_out(grid: Grid, work: Work, done: Mapping[Run, Record]) -> dict[Run, Record]:
    """The record of every run, those of `done` and the rest, which is made now.

    Raises:
        KeyboardInterrupt: when it is stopped; what was finished stays, and the same call goes on.
    """
    found = dict(done)
    try:
        for number, run in enumerate(work.runs, start=1):
            if run not in found:
                say(_announcement(number, run, work, found))
                model = work.variants[run.variant].model
                found[run] = grid.run(model, work.task_of(run), run.seed)
    except KeyboardInterrupt:
        say(f"{len(found)} of {len(work.runs)} runs are kept in {grid.folder}: do the same again")
        raise
    return {run: found[run] for run in work.runs}


def seconds_left(work: Work, found: Mapping[Run, Record]) -> float | None:
    """What the missing runs will take if they are as fast as those of the same task so far."""
    if not found:
        return None
    by_task: dict[tuple[str, int | None], list[float]] = {}
    for run, record in found.items():
        by_task.setdefault((run.task, run.labels), []).append(record["seconds"])
    usual = statistics.mean(record["seconds"] for record in found.values())
    missing = [run for run in work.runs if run not in found]
    return sum(statistics.mean(by_task.get((run.task, run.labels), [usual])) for run in missing)


def _announcement(number: int, run: Run, work: Work, found: Mapping[Run, Record]) -> str:
    left = seconds_left(work, found)
    pace = "" if left is None else f", about {duration(left)} left"
    labels = "" if run.labels is None else f", {run.labels} labels"
    return f"run {number} of {len(work.runs)}: {run.variant}{labels}{pace}"
