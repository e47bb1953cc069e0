"""The labelled task that an adaptation is for, checked before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.compare import LabelledTask, scored_metric
from mlm_pretrain.compare.tasks import folder_name
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import scored_kinds
from mlm_pretrain.finetune import TASKS, plan


def task_of(config: AdaptConfig) -> LabelledTask | None:
    """The task, or None where only the domain is learnt.

    Raises:
        InputError: for an unknown kind, or files that cannot be used.
    """
    if config.task is None:
        return None
    if config.task not in TASKS:
        raise InputError(
            f"--task {config.task}: no such kind", f"one of {', '.join(scored_kinds())}"
        )
    files: dict[str, Any] = {"train": config.train, "validation": config.validation}
    if config.test is not None:
        files["test"] = config.test
    folder = Path(config.train or "").parent
    name = "" if folder == Path() else folder_name(folder)
    task = LabelledTask(name or config.task, config.task, {**files, **config.finetune})
    scored_metric(task, config.model)
    return task


def check_task(task: LabelledTask, base: str) -> None:
    """Refuse a task that the checkpoint could not be fine-tuned on, while nothing is trained yet.

    All its files are read and encoded, as a fine-tuning would; that takes about as long as an epoch's text.

    Raises:
        InputError: for rows and labels that cannot be used, in any of its files, and a checkpoint or settings
            that do not suit it.
    """
    plan(task.kind, task.config(base, seed=0))
