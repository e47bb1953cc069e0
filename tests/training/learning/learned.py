"""Short runs on a checkpoint, and which of its weights they changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mlm_pretrain.training.pretrain import PretrainConfig

# Dropout draws random numbers; a checkpoint after every step.
SETTINGS: dict[str, Any] = {
    "steps": 4, "batch_size": 8, "learning_rate": 1e-3, "dropout": 0.1, "precision": "fp32",
    "attention": "masks", "checkpoint_minutes": 1e-6, "keep_checkpoints": 40, "log_every": 1, "seed": 3,
    "warmup_share": 0.0, "decay_share": 0.0,
}  # fmt: skip
TABLE = "model.embeddings.tok_embeddings.weight"


def config(data: Path, init: Path | None, out: Path, **changes: Any) -> PretrainConfig:
    places = {"data": str(data), "init": init and str(init), "out": str(out)}
    return PretrainConfig(**{**SETTINGS, **places, **changes})


def state(folder: Path) -> dict[str, torch.Tensor]:
    """Weights by the name that the masked model has for them."""
    found = load_file(folder / "model.safetensors")
    is_bare = TABLE not in found
    return {f"model.{n}" if is_bare else n: weight for n, weight in found.items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Names of the weights of both that are not the same to the bit."""
    return {n for n, w in before.items() if n in after and not torch.equal(w, after[n])}
