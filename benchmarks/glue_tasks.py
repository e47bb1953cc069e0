"""GLUE's tasks: where their files are, what their fields are called, and which scores are official.

Wang et al. 2018, "GLUE: A multi-task benchmark and analysis platform for natural language understanding".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.compare.tasks import splits_of
from mlm_pretrain.errors import InputError

HUB_NAME = "nyu-mll/glue"


@dataclass(frozen=True)
class GlueTask:
    """One task.

    Attributes:
        name: as GLUE's table has it.
        config: its name on the Hub; a local folder is called so, or glue_ and so.
        fields: of the text, or of the pair of texts, on the Hub; local files have text and text_pair.
        scores: the official ones, of which the task's score is the mean.
        positive: the labels that F1 counts, over all sources.
        splits: where they are not called validation and test on the Hub.
    """

    name: str
    config: str
    fields: tuple[str, ...]
    scores: tuple[str, ...] = ("accuracy",)
    positive: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("validation",)

    @property
    def kind(self) -> str:
        """What `finetune` calls it."""
        return "regression" if "pearson" in self.scores else "sentiment"

    @property
    def metric(self) -> str:
        """The score that keeps the best epoch: the first that `finetune` has."""
        return self.scores[0]


_SENTENCES = ("sentence1", "sentence2")
_MATCHED = ("validation_matched", "validation_mismatched")
TASKS = (
    GlueTask("CoLA", "cola", ("sentence",), ("matthews",)),
    GlueTask("SST-2", "sst2", ("sentence",)),
    GlueTask("MRPC", "mrpc", _SENTENCES, ("accuracy", "f1"), ("equivalent", "1")),
    GlueTask("STS-B", "stsb", _SENTENCES, ("pearson", "spearman")),
    GlueTask("QQP", "qqp", ("question1", "question2"), ("accuracy", "f1"), ("duplicate", "1")),
    GlueTask("MNLI", "mnli", ("premise", "hypothesis"), splits=_MATCHED),
    GlueTask("QNLI", "qnli", ("question", "sentence")),
    GlueTask("RTE", "rte", _SENTENCES),
    GlueTask("WNLI", "wnli", _SENTENCES),
)
BY_NAME = {task.name: task for task in TASKS}


def local_task(task: GlueTask, data: Path) -> LabelledTask | None:
    """The task's files under `data`, or None where it has no folder there.

    Raises:
        InputError: for a folder without a training or validation file.
    """
    for name in (task.config, f"glue_{task.config}"):
        if (data / name).is_dir():
            return LabelledTask(task.config, task.kind, {**_files(task, data / name), **_own(task)})
    return None


def _files(task: GlueTask, folder: Path) -> dict[str, str]:
    """Of MNLI the mismatched validation file stands in for a test file, which nobody has labels of."""
    if len(task.splits) == 1:
        return splits_of(folder)
    found = {p.name.partition(".")[0]: str(p) for p in sorted(folder.iterdir()) if p.is_file()}
    names = dict(zip(("train", "validation", "test"), ("train", *task.splits), strict=True))
    if missing := [name for name in names.values() if name not in found]:
        raise InputError(f"{folder}: no {missing[0]} file", f"name it {missing[0]}.jsonl")
    return {split: found[name] for split, name in names.items()}


def hub_task(task: GlueTask) -> LabelledTask:
    """The task as the Hub has it; scored on its validation split, since the test labels are secret."""
    source = f"hf:{HUB_NAME}:{task.config}@"
    splits = dict(zip(("validation", "test"), task.splits, strict=False))
    files = {"train": f"{source}train", **{role: source + name for role, name in splits.items()}}
    fields = dict(zip(("text_field", "text_pair_field"), task.fields, strict=False))
    return LabelledTask(task.config, task.kind, {**files, **fields, **_own(task)})


def _own(task: GlueTask) -> dict[str, Any]:
    return {"metric": task.metric}
