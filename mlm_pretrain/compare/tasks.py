"""Which tasks are meant: `KIND:FOLDER` with files of its splits, or `KIND:FILE.yaml` of settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlm_pretrain.config import build_config, read_yaml
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import check_kind, check_scorable, require_examples
from mlm_pretrain.finetune import TASKS, FinetuneConfig

_SPLITS = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}
_ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".conll", ".conllu", ".txt")
_PACKED = ("", ".gz", ".zst")
_YAML = (".yaml", ".yml")
_COMPARED = ("model", "out", "seed")  # set by the comparison
_FORM = "write KIND:FOLDER or KIND:FILE.yaml, for example sentiment:data/sst2"


@dataclass(frozen=True)
class LabelledTask:
    """A task that `finetune` knows, with its files and settings.

    Attributes:
        name: of the folder or file it came from.
        kind: a name in `finetune.TASKS`.
        settings: of `FinetuneConfig`, with train and validation, and mostly test.
    """

    name: str
    kind: str
    settings: dict[str, Any]

    @property
    def scored_split(self) -> str:
        """The test split, or the validation split where there is no other."""
        return "test" if self.settings.get("test") else "validation"

    def over(self, settings: dict[str, Any]) -> LabelledTask:
        """The task with `settings` over its own."""
        return replace(self, settings={**self.settings, **settings})

    def config(self, model: str, seed: int, out: str = "") -> FinetuneConfig:
        """The settings of one run.

        Raises:
            InputError: naming the task, for settings that are none or do not go together.
        """
        values = {**self.settings, "model": model, "seed": seed, "out": out}
        return build_config(FinetuneConfig, values, f"settings of {self.name}")


def scored_metric(task: LabelledTask, model: str) -> str:
    """The score that keeps the best epoch, and that a comparison is of.

    Raises:
        InputError: for settings or training data that cannot be used, and a score without intervals.
    """
    check_kind(task.kind)
    config = task.config(model, 0)
    kind = TASKS[task.kind](config)
    kind.learn(kind.read(config.train, "train"))  # which scores there are, its labels decide
    metric = kind.best_by()
    check_scorable(task.kind, metric)
    return metric


def labels_in(task: LabelledTask, model: str) -> int:
    """Training examples of a run with all labels that its settings let it have.

    Raises:
        InputError: for training data that cannot be read.
    """
    config = task.config(model, 0)
    found = len(TASKS[task.kind](config).read(config.train, "train"))
    return min(found, config.max_train_examples or found)


def runnable_tasks(
    verb: str, model: str, tasks: Sequence[LabelledTask], seeds: int, settings: dict[str, Any]
) -> list[LabelledTask]:
    """The tasks with `settings` over their own, once they can be run and scored.

    Args:
        verb: who asks, for the message.

    Raises:
        InputError: for several processes, a name given twice, one seed, or a task that cannot be scored.
    """
    if process_count() > 1:
        raise InputError(f"{verb} is work for one process", "start it without torchrun")
    names = [task.name for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two tasks are called {twice[0]}", "rename a folder or file")
    if seeds < 2:
        raise InputError(
            f"seeds: {seeds}, but one run tells nothing of how much chance decides",
            "give --seeds 5",
        )
    merged = [task.over(settings) for task in tasks]
    for task in merged:
        scored_metric(task, model)
        _require_examples(task, model)
    return merged


def _require_examples(task: LabelledTask, model: str) -> None:
    """Refuse a scored split that can say nothing, before anything is trained."""
    config, split = task.config(model, 0), task.scored_split
    kind, place = TASKS[task.kind](config), str(getattr(config, split))
    kind.read(config.train, "train")  # how the rest is read may depend on it
    found = len(kind.read(place, split))
    most = config.max_validation_examples if split == "validation" else None
    require_examples(min(found, most or found), place)


def parse_task(text: str) -> LabelledTask:
    """A task from how a person names it.

    Raises:
        InputError: for an unknown kind, or a place without the files of its splits.
    """
    kind, _, place = text.partition(":")
    if kind not in TASKS or not place:
        raise InputError(f"--task {text}: names no task", f"{_FORM}; KIND: {', '.join(TASKS)}")
    path = Path(place)
    if path.suffix in _YAML:
        return LabelledTask(path.stem, kind, _settings(path))
    if not path.is_dir():
        raise InputError(f"--task {text}: {place} is no folder", _FORM)
    return LabelledTask(folder_name(path) or kind, kind, splits_of(path))


def folder_name(folder: Path) -> str:
    """What a folder is called, also where it is given as `.` or `..`; "" of the root."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name


def splits_of(folder: Path) -> dict[str, str]:
    """Files of the splits in a folder, such as train.jsonl.gz.

    Raises:
        InputError: when it has no training or no validation file.
    """
    found = {}
    for split, names in _SPLITS.items():
        tries = [folder / (n + e + p) for n in names for e in _ENDINGS for p in _PACKED]
        if (path := next((path for path in tries if path.is_file()), None)) is not None:
            found[split] = str(path)
    for split in ("train", "validation"):
        if split not in found:
            raise InputError(
                f"{folder}: no {split} file",
                f"name it {split}.jsonl (also {', '.join(_ENDINGS[1:])}; .gz, .zst)",
            )
    return found


def _settings(path: Path) -> dict[str, Any]:
    values = {key: value for key, value in read_yaml(path).items() if key not in _COMPARED}
    if missing := [name for name in ("train", "validation") if not values.get(name)]:
        raise InputError(f"{path}: no {missing[0]} file", f"set `{missing[0]}:` there")
    return values
