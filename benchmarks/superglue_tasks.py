"""SuperGLUE's tasks that are of an encoder's kind: where their files are, and what keeps their best epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.superglue_files import converted_files, is_labelled
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.errors import InputError

HUB_NAME = "aps/super_glue"
_NAMES = {"train": ("train",), "validation": ("val", "validation", "dev"), "test": ("test",)}
_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")


@dataclass(frozen=True)
class SuperGlueTask:
    """One task.

    Attributes:
        name: as SuperGLUE's table has it; a local folder is called so, or as on the Hub.
        metric: of `finetune`, over converted rows; where few of these are true, F1 rather than accuracy.
    """

    name: str
    metric: str = "accuracy"

    @property
    def config(self) -> str:
        """Its name on the Hub."""
        return self.name.lower()


class Source(NamedTuple):
    """A task's converted files, and the one whose rows are to be handed in, if it is there."""

    task: LabelledTask
    to_predict: str | None


TASKS = (
    SuperGlueTask("BoolQ"),
    SuperGlueTask("CB"),
    SuperGlueTask("COPA"),
    SuperGlueTask("MultiRC", "f1_macro"),
    SuperGlueTask("ReCoRD", "f1_macro"),
    SuperGlueTask("WiC"),
)
BY_NAME = {task.name: task for task in TASKS}


def task_source(task: SuperGlueTask, data: Path | None, work: Path) -> Source | None:
    """The task's files, converted under `work`; None where `data` has no folder of it.

    A test file without labels is not scored.

    Raises:
        InputError: for a folder without a training or validation file, and rows of another form.
    """
    originals = _hub_splits(task) if data is None else _local_splits(task, data)
    if originals is None:
        return None
    files = converted_files(task.name, originals, work)
    scored = {split: path for split, path in files.items() if split != "test" or is_labelled(path)}
    settings = {**scored, "metric": task.metric}
    return Source(LabelledTask(task.config, "sentiment", settings), files.get("test"))


def _hub_splits(task: SuperGlueTask) -> dict[str, str]:
    return {split: f"hf:{HUB_NAME}:{task.config}@{split}" for split in _NAMES}


def _local_splits(task: SuperGlueTask, data: Path) -> dict[str, str] | None:
    tries = (data / name for name in (task.name, task.config))
    folder = next((path for path in tries if path.is_dir()), None)
    if folder is None:
        return None
    found = {}
    for split, names in _NAMES.items():
        files = (folder / (name + ending) for name in names for ending in _ENDINGS)
        if (path := next((path for path in files if path.is_file()), None)) is not None:
            found[split] = str(path)
        elif split != "test":
            raise InputError(f"{folder}: no {split} file", f"name it {names[0]}.jsonl (also .gz)")
    return found
