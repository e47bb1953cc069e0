"""Short runs on a text unlike the one that their checkpoint knows, at a rate that makes it forget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlm_pretrain.training.pretrain import PretrainConfig

SETTINGS: dict[str, Any] = {
    "steps": 24, "batch_size": 8, "learning_rate": 1e-2, "dropout": 0.1, "precision": "fp32",
    "attention": "masks", "checkpoint_minutes": 1e-6, "keep_checkpoints": 2, "log_every": 1, "seed": 3,
    "warmup_share": 0.5, "decay_share": 0.0,
}  # fmt: skip


def config(
    data: Path, init: Path, out: Path, guard: dict[str, Any] | None, **changes: Any
) -> PretrainConfig:
    places = {"data": str(data), "init": str(init), "out": str(out)}
    return PretrainConfig(**{**SETTINGS, **places, "guard": guard, **changes})


def every_four(general: Path, **changes: Any) -> dict[str, Any]:
    """A guard that looks after every fourth step, whatever that takes."""
    return {"data": str(general), "every_steps": 4, "rows": 40, "budget_share": 1.0, **changes}


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").open(encoding="utf-8")]


def measured(run: Path) -> list[dict[str, Any]]:
    """What the log says of forgetting, without the seconds that it took."""
    lines = [(line["step"], line["forgetting"]) for line in log(run) if "forgetting" in line]
    return [{"step": step, **found, "seconds": 0} for step, found in lines]


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()
