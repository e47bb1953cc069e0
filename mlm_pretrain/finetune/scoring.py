"""A saved fine-tuned folder, scored on any labelled file as its own run scored it: nothing is trained.

What a task takes from its training file (labels and their order, the scheme of tags, whether questions may
have no answer) is taken from there again, so the file has to be as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlm_pretrain.config import build_config
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import model as models
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.outputs import STAGE, describe_input
from mlm_pretrain.finetune.preparing import Prepared, prepare
from mlm_pretrain.finetune.run import evaluate_split, trainer_of
from mlm_pretrain.manifest import Manifest, read_manifest
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.redaction import with_home

_SPLIT = "validation"
_SHOWN = 5  # labels in a message


def score_folder(
    task: str, folder: str | Path, data: str, *, train: str | None = None
) -> dict[str, Any]:
    """Score the model that `finetune` saved in `folder` on the labelled file `data`.

    On a file of its own run the scores are those of metrics.json, to the last digit on the machine that
    wrote them; after adapt=lora but for rounding, since what was trained apart is one matrix now. All of
    the file is scored, also where max_validation_examples had the run score a part of it.

    Args:
        task: a name in `TASKS`, the one it was trained for.
        data: as `finetune` takes it; of a Hub name without @split, the validation split.
        train: where its training file lies now, if it was moved.

    Returns:
        `metrics` (as `finetune` gives them of a split), `predictions`, and `best_by`.

    Raises:
        InputError: for a folder without a model, a training file that is gone or was changed, or data
            that cannot be scored.
    """
    scorer = open_scorer(task, folder, data, train=train)
    metrics, rows = scorer.score(scorer.examples)
    return {
        "task": task, "model": str(folder), "data": data, "best_by": scorer.metric,
        "metrics": metrics, "predictions": rows,
    }  # fmt: skip


@dataclass(frozen=True)
class FolderScorer:
    """An open model and the examples of a file, which may be scored in any form."""

    prepared: Prepared
    trainer: Any
    write: Any
    names: tuple[str, ...]

    @property
    def examples(self) -> list[Any]:
        """Those of the file, in order."""
        return self.prepared.splits[_SPLIT][0]

    @property
    def metric(self) -> str:
        """The score that kept the model's epoch."""
        return str(self.prepared.facts["best_by"])

    def score(self, examples: Sequence[Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Scores and rows of predictions."""
        task, length = self.prepared.task, self.prepared.facts["max_length"]
        features = task.encode(examples, self.prepared.tokenizer, self.names, length)
        made = replace(self.prepared, splits={_SPLIT: (list(examples), features)})
        with quiet_transformers():
            return evaluate_split(self.trainer, made, _SPLIT, self.write)


def open_scorer(
    task: str, folder: str | Path, data: str, *, train: str | None = None
) -> FolderScorer:
    """The model in `folder`, ready to score the examples of `data`.

    Raises:
        InputError: as `score_folder`.
    """
    if process_count() > 1:
        raise InputError("scoring a folder is work for one process", "start it without torchrun")
    config = _config(Path(folder), data, train)
    with quiet_transformers():
        prepared = prepare(task, config)
        _check_labels(Path(folder), prepared.task.labels)
        model, fresh = models.load_model(prepared.task.auto_class, prepared.settings, config)
    if fresh:
        raise InputError(
            f"{folder}: has no weights for {fresh[0]}, so it was not trained for {task}",
            "name the task that it was trained for",
        )
    prepared.task.attach(model, fresh)
    trainer = trainer_of(prepared, model, config)
    _, write = prepared.task.writers(model, prepared.train)
    return FolderScorer(prepared, trainer, write, models.input_names(model))


def _config(folder: Path, data: str, train: str | None) -> FinetuneConfig:
    """The settings of the folder's run, with its model for the one it began with."""
    manifest = read_manifest(folder, STAGE)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: its run kept no model", "run it again without save_model=false"
        )
    config = build_config(FinetuneConfig, with_home(manifest.config), f"{folder}/manifest.json")
    own: dict[str, Any] = {
        "model": str(folder), "revision": None, "train": train or config.train, "validation": data,
        "test": None, "unlabelled": None, "max_validation_examples": None,
        "out": str(folder), "random_weights": False, "adapt": "full",
        "max_length": manifest.counts["max_length"], "precision": manifest.counts["precision"],
    }  # fmt: skip
    # Not validated again: a source with a test side of its own would fill it in.
    config = config.model_copy(update=own)
    _check_train(folder, manifest, config.train)
    return config


def _check_train(folder: Path, manifest: Manifest, train: str) -> None:
    """Other labels, or these in another order, would be read into the model's answers."""
    was = manifest.inputs["train"]
    if "xxh3_128" not in was:  # of the Hub, or of this machine's libraries
        return
    if not Path(train).is_file():
        raise InputError(
            f"{train}: is not there, and what {folder} learnt its labels from is needed",
            "say where it lies now: --train FILE",
        )
    if describe_input(train, None)["xxh3_128"] != was["xxh3_128"]:
        raise InputError(
            f"{train}: is not the file that {folder} was trained on (its checksum differs)",
            "give that one: --train FILE",
        )


def _check_labels(folder: Path, labels: Sequence[str]) -> None:
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    named = settings.get("id2label") or {}
    known = [named[index] for index in sorted(named, key=int)]
    if labels and known != list(labels):
        raise InputError(
            f"{folder}: its labels are {known[:_SHOWN]}, those of its training file "
            f"{list(labels)[:_SHOWN]}",
            "name the task that it was trained for",
        )
