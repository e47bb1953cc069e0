"""A task's files, and models of which it is known whether they know the task."""

from __future__ import annotations

import json
from pathlib import Path

from tiny_problems import opinions

SIZES = {"train": (160, 1), "validation": (60, 2), "test": (200, 3)}


def write_opinions(folder: Path) -> Path:
    """Files of all splits in `folder`."""
    folder.mkdir()
    for split, (count, seed) in SIZES.items():
        lines = [json.dumps(row) for row in opinions(count, seed)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def teach(model: str, task_folder: Path, out: Path) -> str:
    """The model, fine-tuned on all labels."""
    from mlm_pretrain.finetune import FinetuneConfig, finetune

    files = {split: str(task_folder / f"{split}.jsonl") for split in ("train", "validation")}
    config = FinetuneConfig(model=model, **files, out=str(out), epochs=20, learning_rate=2e-3)
    assert finetune("sentiment", config)["metrics"]["validation"]["accuracy"] > 0.95
    return str(out)
