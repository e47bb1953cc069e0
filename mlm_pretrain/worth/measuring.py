"""The whole of it: fine-tune every variant alike over seeds, compare, choose, say it on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import make_writable
from mlm_pretrain.compare import Grid, LabelledTask
from mlm_pretrain.compare.tasks import labels_in, runnable_tasks
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import plan as plan_finetune
from mlm_pretrain.finetune.outputs import check_running, marked
from mlm_pretrain.manifest import write_json
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted_values
from mlm_pretrain.worth.changes import Change, Forgotten, checked_changes
from mlm_pretrain.worth.families import domain_pairs, gain_pairs
from mlm_pretrain.worth.findings import Records, findings_of, label_curves, task_runs
from mlm_pretrain.worth.labels import checked_counts
from mlm_pretrain.worth.page import write_pages
from mlm_pretrain.worth.record import record_of
from mlm_pretrain.worth.runs import Work, carried_out, kept, planned, seconds_left
from mlm_pretrain.worth.variants import Variant, checked

RESULT = "worth.json"
RUNS = "runs"
_VERB = "worth"


def worth(
    variants: Sequence[Variant],
    tasks: Sequence[LabelledTask],
    out: str | Path,
    seeds: int = 5,
    settings: dict[str, Any] | None = None,
    *,
    label_counts: Sequence[int] = (),
    forgotten: Forgotten | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Fine-tune every variant on every task with every seed, and say what was gained and what to keep.

    Gains over the base, and of adapted models over controls, come with 95 % intervals over examples and
    seeds and with p-values corrected within each of the two questions (see `families`). To keep is the first
    variant in the order of the validation files whose gain is shown on the test files (see `choosing`). All
    figures are of the test files, so that the gain of the one that is kept is somewhat flattered. Runs are
    kept under `out`/runs and not made again, so that an interrupted call goes on. Writes worth.json, worth.md
    and worth.html.

    Args:
        variants: a base, one adapted model or more, and controls if there are any.
        settings: of `FinetuneConfig`, for all runs.
        label_counts: also fine-tune with so many labels, to say with how many an adapted model reaches the
            base's score with all.
        forgotten: figures before and after, by variant and name: {"DAPT": {"general text, nats a token":
            {"before": 2.1, "after": 2.4}}}; `lower_is_better: False` for scores.
        command: what makes this again, for the page.

    Returns:
        What worth.json holds: `verdict` ("worth it", "not shown", "harmful" or "depends on the task"),
        `sentences`, `keep`, `cautions`, `comparisons`, `variants`, `tasks` …; scores are shares of 1.

    Raises:
        InputError: for models, data or settings that cannot be used, before anything is run.
    """
    changes = checked_changes(forgotten, variants)
    variants, tasks, work = _ready(variants, tasks, seeds, settings, label_counts)
    out = Path(out)
    make_writable(out)
    check_running(str(out))
    with marked(out, _VERB):
        grid = Grid(out / RUNS)
        done = kept(grid, work)
        _check_models(work, done)
        records = carried_out(grid, work, done)
        result = _result(variants, tasks, work, records, out)
        result |= {"forgotten": _as_dicts(changes), "command": command}
        result = redacted_values(result)
        write_json(out / RESULT, result)
        write_pages(result, out)
    return result


def plan(
    variants: Sequence[Variant],
    tasks: Sequence[LabelledTask],
    out: str | Path,
    seeds: int = 5,
    settings: dict[str, Any] | None = None,
    *,
    label_counts: Sequence[int] = (),
) -> dict[str, Any]:
    """What `worth` would do, after the checks of all its runs; trains and writes nothing."""
    variants, tasks, work = _ready(variants, tasks, seeds, settings, label_counts)
    done = kept(Grid(Path(out) / RUNS), work)
    return {
        "runs": len(work.runs), "kept": len(done), "seeds": seeds,
        "seconds_left": seconds_left(work, done),
        "comparisons": {
            "gain": len(tasks) * len(gain_pairs(variants)),
            "domain": len(tasks) * len(domain_pairs(variants)),
        },
        "each": _check_models(work, {}),
    }  # fmt: skip


def _ready(
    variants: Sequence[Variant],
    tasks: Sequence[LabelledTask],
    seeds: int,
    settings: dict[str, Any] | None,
    label_counts: Sequence[int],
) -> tuple[list[Variant], list[LabelledTask], Work]:
    """Everything checked that can be without opening all models."""
    variants = checked(variants)
    if not tasks:
        raise InputError("no task", "give one or more")
    base = variants[0].model
    tasks = runnable_tasks(_VERB, base, tasks, seeds, settings or {})
    counts: list[int] = []
    if label_counts:
        counts = checked_counts(label_counts, {task.name: labels_in(task, base) for task in tasks})
    return variants, tasks, planned(variants, tasks, seeds, counts)


def _check_models(work: Work, done: Records) -> dict[str, dict[str, Any]]:
    """Open every model with every task of which nothing is done: an hour later is late to find a slip.

    With few labels it is enough to open the base: what the others lack shows with all labels too.
    """
    facts = {}
    seen = {run[1:] for run in done}
    base = next(iter(work.variants))
    for run in work.runs:
        if run[1:] in seen or (run.labels is not None and run.variant != base):
            continue
        seen.add(run[1:])
        task = work.task_of(run)
        say(f"checking {run.variant} with {run.task}")
        config = task.config(work.variants[run.variant].model, run.seed, out=".")
        labels = "" if run.labels is None else f" with {run.labels} labels"
        facts[f"{run.task}, {run.variant}{labels}"] = plan_finetune(task.kind, config)
    return facts


def _result(
    variants: Sequence[Variant],
    tasks: Sequence[LabelledTask],
    work: Work,
    records: Records,
    out: Path,
) -> dict[str, Any]:
    runs = {task.name: task_runs(records, task.name, variants) for task in tasks}
    found = findings_of(variants, records, runs)
    counts = sorted({run.labels for run in work.runs if run.labels is not None})
    labels = {
        task.name: label_curves(variants, records, task.name, counts, runs[task.name])
        for task in tasks
        if counts
    }
    return {**record_of(found, records, tasks, runs, out), "labels": labels}


def _as_dicts(changes: Mapping[str, Mapping[str, Change]]) -> dict[str, Any]:
    return {
        name: {
            measure: {**change.model_dump(), "is_worse": change.is_worse}
            for measure, change in measures.items()
        }
        for name, measures in changes.items()
    }
