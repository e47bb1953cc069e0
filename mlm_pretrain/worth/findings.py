"""From records of runs to what is found: comparisons, the choice, and how many labels a gain is worth."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mlm_pretrain.compare.grid import predictions
from mlm_pretrain.evaluation.statistics import Scorer, drawn_count, scorer
from mlm_pretrain.worth.choosing import choose
from mlm_pretrain.worth.families import TaskRuns, compared, gain_verdict
from mlm_pretrain.worth.labels import reached
from mlm_pretrain.worth.runs import Record, Run
from mlm_pretrain.worth.saying import Findings
from mlm_pretrain.worth.variants import ADAPTED, BASE, Variant, of_role

Records = Mapping[Run, Record]


def records_of(
    records: Records, task: str, variant: str, labels: int | None = None
) -> list[Record]:
    """Of one variant on one task, by seed."""
    return [r for run, r in sorted_runs(records) if run[1:] == (task, labels, variant)]


def sorted_runs(records: Records) -> list[tuple[Run, Record]]:
    """Runs in the order of their seeds."""
    return sorted(records.items(), key=lambda pair: pair[0].seed)


def task_runs(records: Records, task: str, variants: Sequence[Variant]) -> TaskRuns:
    """The runs with all labels, as they can be scored under weights."""
    scorers = {v.name: scorers_of(records_of(records, task, v.name)) for v in variants}
    first = records_of(records, task, variants[0].name)[0]
    scored = predictions(first)
    return TaskRuns(scorers, len(scored), drawn_count(scored))


def scorers_of(records: Sequence[Record]) -> list[Scorer]:
    """One a record, of its scored split."""
    return [scorer(r["kind"], r["best_by"], predictions(r)) for r in records]


def scores_of(records: Sequence[Record], split: str) -> list[float]:
    """Shares of 1, by seed, of the score that keeps the best epoch."""
    return [record["metrics"][split][record["best_by"]] for record in records]


def findings_of(
    variants: Sequence[Variant], records: Records, runs: Mapping[str, TaskRuns]
) -> Findings:
    """The comparisons of both families and the choice.

    Args:
        runs: by task, as `task_runs` makes them.
    """
    comparisons = compared(variants, runs)
    gains = {v.name: validation_gain(records, list(runs), variants[0], v) for v in variants}
    verdicts = {v.name: gain_verdict(comparisons, v.name) for v in variants}
    firsts = {task: records_of(records, task, variants[0].name) for task in runs}
    return Findings(
        variants, comparisons, choose(variants, gains, verdicts),
        metrics={task: of_base[0]["best_by"] for task, of_base in firsts.items()},
        seeds=len(next(iter(firsts.values()))),
        examples={task: of_task.examples for task, of_task in runs.items()},
        drawn={task: of_task.drawn for task, of_task in runs.items()},
    )  # fmt: skip


def validation_gain(records: Records, tasks: Sequence[str], base: Variant, one: Variant) -> float:
    """Over the base, on validation, the mean over seeds and tasks (shares of 1)."""
    means = [
        [
            statistics.mean(scores_of(records_of(records, task, v.name), "validation"))
            for v in (base, one)
        ]
        for task in tasks
    ]
    return statistics.mean(later - former for former, later in means)


def label_curves(
    variants: Sequence[Variant], records: Records, task: str, counts: Sequence[int], runs: TaskRuns
) -> dict[str, Any]:
    """Scores with few labels, and with how many each adapted model reaches the base's with all.

    Args:
        runs: of the task, with all labels.

    Returns:
        `scores` by variant and number of labels, one a seed; `reached` by adapted variant, as
        `labels.reached` says it.
    """
    (base,), others = of_role(variants, BASE), of_role(variants, ADAPTED)
    first = records_of(records, task, base.name)[0]
    everything, split = first["train_examples"], first["scored"]
    found: dict[str, Any] = {"scores": {}, "reached": {}}
    for name in (v.name for v in (base, *others)):
        few = {n: records_of(records, task, name, n) for n in counts}
        curve = {**few, everything: records_of(records, task, name)}
        found["scores"][name] = {str(n): scores_of(of_n, split) for n, of_n in curve.items()}
        if name != base.name:
            scorers = {n: scorers_of(of_n) for n, of_n in few.items()}
            scorers[everything] = list(runs.scorers[name])
            found["reached"][name] = reached(runs.scorers[base.name], scorers, runs.drawn)
    return found
