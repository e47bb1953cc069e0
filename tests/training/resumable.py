"""A run small enough to be stopped and resumed in a test, and what is compared of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mlm_pretrain.training.pretrain import PretrainConfig

STEPS = 30
# Dropout and the order draw random numbers, and Muon keeps a state of its own.
FLAGS = {
    "arch": "modernbert:2x64", "steps": STEPS, "batch_size": 16, "accumulation": 2,
    "optimizer": "muon", "learning_rate": 2e-3, "dropout": 0.1, "precision": "fp32",
    "checkpoint_minutes": 1e-5, "seed": 3,
}  # fmt: skip


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    return PretrainConfig(
        **{**FLAGS, "data": str(data), "out": str(out), "log_every": 1, **changes}
    )


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def checkpoints(run: Path) -> list[Path]:
    """Whole ones, oldest first."""
    found = [path.parent for path in run.glob("checkpoint-*/manifest.json")]
    found = [path for path in found if path.name.split("-")[1].isdecimal()]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def unfinished_copy(run: Path, out: Path) -> Path:
    """The run as a process left it that was killed after its last checkpoint."""
    shutil.copytree(run, out)
    shutil.rmtree(out / "model")
    (out / "manifest.json").unlink()
    (out / "metrics.json").unlink()
    return out


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
