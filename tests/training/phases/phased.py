"""A training in two phases, small enough to be killed and resumed in a test; and a single run like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlm_pretrain.training.phases import Phase
from mlm_pretrain.training.pretrain import PretrainConfig

FIRST, SECOND = 14, 10  # steps
RUNS = ("1-short", "2-long")
# Dropout and the order draw random numbers, Muon keeps a state of its own, bert has learned positions.
SETTINGS: dict[str, Any] = {
    "arch": "bert:2x64", "batch_size": 4, "optimizer": "muon", "learning_rate": 2e-3, "dropout": 0.1,
    "precision": "fp32", "attention": "masks", "checkpoint_minutes": 1e-5, "log_every": 1, "seed": 3,
}  # fmt: skip


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    """What all phases share."""
    return PretrainConfig(**{**SETTINGS, "data": str(data), "out": str(out), **changes})


def phases(long: Path, **changes: Any) -> list[Phase]:
    """Short rows on a level rate; then long ones, fewer masks, and down. `changes` are the second one's."""
    own = {"data": str(long), "batch_size": 2, "masking": {"ratio": 0.15}, "decay_share": 1.0}
    return [
        Phase(name="short", steps=FIRST, pretrain={"masking": {"ratio": 0.3}}),
        Phase(name="long", steps=SECOND, pretrain={**own, **changes}),
    ]


def as_words(data: Path, long: Path, out: Path) -> list[str]:
    """The same as arguments of the command line."""
    own = {k: v for k, v in SETTINGS.items() if k != "arch"}
    values = [f"pretrain.{name}={json.dumps(value)}" for name, value in own.items()]
    parts = [part.model_dump(exclude_unset=True) for part in phases(long)]
    sets = [word for value in [*values, f"phases={json.dumps(parts)}"] for word in ("--set", value)]
    return [
        "-m", "mlm_pretrain", "pretrain", "--data", str(data), "--out", str(out),
        "--arch", SETTINGS["arch"], *sets,
    ]  # fmt: skip


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").open(encoding="utf-8")]


def saved(run: Path) -> int:
    """The step of the newest whole checkpoint; 0 without any."""
    names = [path.parent.name.partition("-")[2] for path in run.glob("checkpoint-*/manifest.json")]
    return max((int(name) for name in names if name.isdecimal()), default=0)
