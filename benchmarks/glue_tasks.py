"""GLUE's tasks: their files, the names of their fields and labels, and their official scores.

Wang et al. 2018, "GLUE: A multi-task benchmark and analysis platform for natural language understanding".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.compare.tasks import splits_of
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.sources import read_rows

HUB_NAME = "nyu-mll/glue"
HIDDEN = (None, "", -1, "-1")  # what stands for a label that is secret


@dataclass(frozen=True)
class GlueTask:
    """One task.

    Attributes:
        name: as GLUE's table has it.
        config: its name on the Hub; a local folder is called so, or glue_ and so.
        fields: of the text, or of the pair of texts, on the Hub; local files have text and text_pair.
        labels: names in the order of their numbers; none of a quantity.
        scores: the official ones, of which the task's score is the mean. F1 is that of the label 1.
        splits: where they are not called validation and test on the Hub.
        named: whether GLUE's site wants the labels' names rather than their numbers.
    """

    name: str
    config: str
    fields: tuple[str, ...]
    labels: tuple[str, ...] = ("entailment", "not_entailment")
    scores: tuple[str, ...] = ("accuracy",)
    splits: tuple[str, ...] = ("validation",)
    named: bool = False

    @property
    def kind(self) -> str:
        """What `finetune` calls it."""
        return "sentiment" if self.labels else "regression"

    @property
    def metric(self) -> str:
        """The score that keeps the best epoch: the first that `finetune` has."""
        return self.scores[0]

    @property
    def test_places(self) -> dict[str, tuple[str, str]]:
        """What GLUE's site calls a file of predictions → configuration and split of its rows."""
        if len(self.splits) == 1:
            return {f"{self.name}.tsv": (self.config, "test")}
        return {
            f"{self.name}-m.tsv": (self.config, "test_matched"),
            f"{self.name}-mm.tsv": (self.config, "test_mismatched"),
            "AX.tsv": ("ax", "test"),
        }


_SENTENCES = ("sentence1", "sentence2")
_MATCHED = ("validation_matched", "validation_mismatched")
_NLI = ("entailment", "neutral", "contradiction")
_BOTH = ("accuracy", "f1")
TASKS = (
    GlueTask("CoLA", "cola", ("sentence",), ("unacceptable", "acceptable"), ("matthews",)),
    GlueTask("SST-2", "sst2", ("sentence",), ("negative", "positive")),
    GlueTask("MRPC", "mrpc", _SENTENCES, ("not_equivalent", "equivalent"), _BOTH),
    GlueTask("STS-B", "stsb", _SENTENCES, (), ("pearson", "spearman")),
    GlueTask("QQP", "qqp", ("question1", "question2"), ("not_duplicate", "duplicate"), _BOTH),
    GlueTask("MNLI", "mnli", ("premise", "hypothesis"), _NLI, splits=_MATCHED, named=True),
    GlueTask("QNLI", "qnli", ("question", "sentence"), named=True),
    GlueTask("RTE", "rte", _SENTENCES, named=True),
    GlueTask("WNLI", "wnli", _SENTENCES, ("not_entailment", "entailment")),
)
BY_NAME = {task.name: task for task in TASKS}


def local_task(task: GlueTask, data: Path) -> LabelledTask | None:
    """The task's files under `data`, or None where it has no folder there.

    A test file whose labels are secret is not scored.

    Raises:
        InputError: for a folder without a training or validation file.
    """
    folder = _folder(data, task.config)
    if folder is None:
        return None
    return LabelledTask(task.config, task.kind, {**_files(task, folder), **_own(task)})


def _folder(data: Path, config: str) -> Path | None:
    tries = (data / name for name in (config, f"glue_{config}"))
    return next((path for path in tries if path.is_dir()), None)


def _files(task: GlueTask, folder: Path) -> dict[str, str]:
    """Of MNLI the mismatched validation file stands in for a test file, which nobody has labels of."""
    if len(task.splits) == 1:
        found = splits_of(folder)
        if "test" in found and _is_secret(found["test"]):
            del found["test"]
        return found
    names = dict(zip(("train", "validation", "test"), ("train", *task.splits), strict=True))
    if missing := [name for name in names.values() if name not in _named_files(folder)]:
        raise InputError(f"{folder}: no {missing[0]} file", f"name it {missing[0]}.jsonl")
    return {split: _named_files(folder)[name] for split, name in names.items()}


def _named_files(folder: Path) -> dict[str, str]:
    return {p.name.partition(".")[0]: str(p) for p in sorted(folder.iterdir()) if p.is_file()}


def _is_secret(path: str) -> bool:
    return all(row.values.get("label") in HIDDEN for row in read_rows(path, "test"))


def hub_task(task: GlueTask) -> LabelledTask:
    """The task as the Hub has it; scored on its validation split, since the test labels are secret."""
    source = f"hf:{HUB_NAME}:{task.config}@"
    splits = dict(zip(("validation", "test"), task.splits, strict=False))
    files = {"train": f"{source}train", **{role: source + name for role, name in splits.items()}}
    fields = dict(zip(("text_field", "text_pair_field"), task.fields, strict=False))
    return LabelledTask(task.config, task.kind, {**files, **fields, **_own(task)})


def files_to_predict(task: GlueTask, data: Path | None) -> dict[str, str]:
    """What GLUE's site calls a file of predictions → the file, or place on the Hub, of its rows, if there."""
    if data is None:
        places = task.test_places.items()
        return {name: f"hf:{HUB_NAME}:{config}@{split}" for name, (config, split) in places}
    found = {}
    for name, (config, split) in task.test_places.items():
        folder = _folder(data, config)
        if folder is not None and split in (files := _named_files(folder)):
            found[name] = files[split]
    return found


def _own(task: GlueTask) -> dict[str, Any]:
    return {"metric": task.metric}
