"""The comparison of two models: runs, effects, corrections, verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import telling_of_a_full_disk
from mlm_pretrain.compare.grid import GOES_ON, Grid, predictions
from mlm_pretrain.compare.tasks import LabelledTask, runnable_tasks
from mlm_pretrain.evaluation.statistics import drawn_count, holm, paired_effect, scorer
from mlm_pretrain.evaluation.statistics.effect import LEVEL
from mlm_pretrain.finetune import plan as plan_finetune
from mlm_pretrain.manifest import write_json

RESULT = "comparison.json"
BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown"


def compare(
    first: str,
    second: str,
    tasks: Sequence[LabelledTask],
    out: str | Path,
    *,
    seeds: int = 5,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Fine-tune both models on every task with every seed, and say what the second gains over the first.

    Differences are of mean scores, second minus first, each with its 95 % interval over examples and
    seeds; p-values are corrected for the number of tasks (Holm). A verdict is "better", "worse" or "not
    shown". Runs are kept under `out` and used again; `out`/comparison.json has the result.

    Args:
        settings: of `FinetuneConfig`, for all runs.

    Raises:
        InputError: for models, data or settings that cannot be used.
    """
    tasks = runnable_tasks("compare", first, tasks, seeds, settings or {})
    grid = Grid(Path(out))
    found: dict[str, list[list[dict[str, Any]]]] = {task.name: [[], []] for task in tasks}
    for seed in range(seeds):  # seed by seed, so that what is there when it is stopped is balanced
        for task in tasks:
            for side, model in enumerate((first, second)):
                found[task.name][side].append(grid.run(model, task, seed))
    # What would show is said at the level of the strictest of Holm's steps.
    level = LEVEL / len(tasks)
    results = {task.name: _task_result(task, *found[task.name], level=level) for task in tasks}
    _judge(results)
    result = {
        "first": first, "second": second, "seeds": seeds, "tasks": results,
        "cost": [_cost([runs[side] for runs in found.values()]) for side in (0, 1)],
    }  # fmt: skip
    with telling_of_a_full_disk(out, GOES_ON):
        write_json(Path(out) / RESULT, result)
    return result


def plan(
    first: str, second: str, tasks: Sequence[LabelledTask], seeds: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """What `compare` would do, after the checks of all its runs; trains and writes nothing."""
    tasks = runnable_tasks("compare", first, tasks, seeds, settings)
    facts = {
        f"{task.name} {model}": plan_finetune(task.kind, task.config(model, 0, out="."))
        for task in tasks
        for model in (first, second)
    }
    return {"runs": 2 * len(tasks) * seeds, "seeds": seeds, "each": facts}


def _task_result(
    task: LabelledTask,
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    *,
    level: float,
) -> dict[str, Any]:
    metric, split = first[0]["best_by"], first[0]["scored"]
    rows = [[predictions(record) for record in records] for records in (first, second)]
    former, later = (
        [scorer(task.kind, metric, of_seed) for of_seed in of_model] for of_model in rows
    )
    scores = [[record["metrics"][split][metric] for record in side] for side in (first, second)]
    scored = rows[0][0]
    effect = paired_effect(former, later, len(scored), drawn_count(scored))
    return {
        "metric": metric,
        "scored": split,
        "scores": scores,
        "means": [statistics.mean(side) for side in scores],
        **asdict(effect),
        "seeds_needed": effect.seeds_needed(level),
        "examples_needed": effect.examples_needed(level),
    }


def _judge(results: dict[str, dict[str, Any]]) -> None:
    """Add to each its corrected p-value and its verdict."""
    adjusted = holm([result["p_value"] for result in results.values()])
    for result, p_value in zip(results.values(), adjusted, strict=True):
        result["p_holm"] = p_value
        result["verdict"] = verdict(result["difference"], p_value)


def verdict(difference: float, p_value: float) -> str:
    """What may be said of the second model."""
    if p_value >= LEVEL:
        return NOT_SHOWN
    return BETTER if difference > 0 else WORSE


def _cost(runs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Parameters of the models fine-tuned, and seconds of a run over all tasks and seeds."""
    records = [record for of_task in runs for record in of_task]
    return {
        "parameters": max(record["parameters"] for record in records),
        "seconds_a_run": round(statistics.mean(record["seconds"] for record in records), 2),
    }
