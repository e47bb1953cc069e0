"""Fine-tuning of several models on several tasks over several seeds, each once and kept on disk.

A run leaves its scores, its predictions and one record; its weights are kept where that is asked for. What
is done is known by the content of model and data and by the settings, so a grid that was interrupted goes on
where it stopped, and two that share runs share the work.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import telling_of_a_full_disk
from mlm_pretrain.compare.tasks import LabelledTask
from mlm_pretrain.environment import code_hash, processor_name, usable_cores
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.outputs import describe_inputs
from mlm_pretrain.finetune.preparing import pinned
from mlm_pretrain.manifest import hash_json, versions, write_json
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.progress import say

RECORD = "record.json"
GOES_ON = "free some space and run again: what is finished is kept"
_WEIGHTS = "model.safetensors"
_INPUTS = ("model", "train", "validation", "test", "unlabelled")
_SLUG_LETTERS = 40


@dataclass
class Grid:
    """Runs under `folder`."""

    folder: Path

    def run(
        self, model: str, task: LabelledTask, seed: int, keep_model: bool = False
    ) -> dict[str, Any]:
        """The record of one run, made unless it is there; `folder` is where it lies.

        Args:
            keep_model: the folder is to hold the fine-tuned model too.
        """
        config, inputs, key = self._identity(model, task, seed)
        folder = self._place(model, task, key)
        found = _kept(folder, key)
        if found is None or (keep_model and not (folder / _WEIGHTS).is_file()):
            config = config.model_copy(update={"out": str(folder), "save_model": keep_model})
            with telling_of_a_full_disk(folder, GOES_ON):
                found = _make(folder, key, task, config, inputs)
        return {**found, "folder": folder}

    def kept(self, model: str, task: LabelledTask, seed: int) -> dict[str, Any] | None:
        """The record that `run` would find, or None where it would have to train."""
        _, _, key = self._identity(model, task, seed)
        folder = self._place(model, task, key)
        found = _kept(folder, key)
        return None if found is None else {**found, "folder": folder}

    def _identity(
        self, model: str, task: LabelledTask, seed: int
    ) -> tuple[FinetuneConfig, dict[str, Any], str]:
        """Settings and inputs of a run, and the key that all of it comes to."""
        config = pinned(
            task.config(model, seed)
        )  # what a Hub name means may change between two runs
        inputs = describe_inputs(config, _INPUTS)
        made_with = [versions(), code_hash(), resolve_precision(config.precision)]
        key = hash_json([task.kind, config.model_dump(mode="json"), inputs, made_with])
        return config, inputs, key

    def _place(self, model: str, task: LabelledTask, key: str) -> Path:
        return self.folder / task.name / f"{_slug(model)}-{key[:8]}"


def predictions(record: dict[str, Any], split: str | None = None) -> list[dict[str, Any]]:
    """Rows of a split, or of the scored one, in the file's order."""
    path = Path(record["folder"]) / f"predictions_{split or record['scored']}.jsonl"
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _make(
    folder: Path, key: str, task: LabelledTask, config: FinetuneConfig, inputs: dict[str, Any]
) -> dict[str, Any]:
    say(f"{task.name}, seed {config.seed}: {config.model}")
    result = finetune(task.kind, config, overwrite=True)
    record = {
        "key": key, "task": task.name, "kind": task.kind, "model": config.model,
        "seed": config.seed, "scored": task.scored_split, "best_by": result["best_by"],
        "metrics": result["metrics"], "seconds": result["seconds"],
        "parameters": result["parameters"], "train_examples": result["train_examples"],
        "steps": result["steps"], "config": config.model_dump(mode="json"), "inputs": inputs,
        "versions": versions(),
        "processor": {"name": processor_name(), "cores": usable_cores()},
    }  # fmt: skip
    write_json(folder / RECORD, record)
    return record


def _kept(folder: Path, key: str) -> dict[str, Any] | None:
    """The record of a run that came to its end; it is written last."""
    path = folder / RECORD
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record if record["key"] == key else None


def _slug(model: str) -> str:
    return re.sub(r"[^\w.]+", "-", model).strip("-.")[-_SLUG_LETTERS:].strip("-.")
