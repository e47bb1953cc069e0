"""The card of an exported model."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.cards.rendering import rendered

_SHOWN = (
    "objective", "objective_settings", "objectives", "together", "balance", "arch", "init", "batch_size",
    "accumulation", "optimizer", "learning_rate", "weight_decay", "warmup_share", "decay_share", "dropout",
    "masking", "seed",
)  # fmt: skip
_OF_SEVERAL = ("objectives", "together", "balance")


def model_card(facts: dict[str, Any]) -> str:
    """Render the card from a run's facts (see `export`)."""
    left_out = () if facts["config"].get("objectives") else _OF_SEVERAL
    shown = [name for name in _SHOWN if name not in left_out]
    return rendered("exported.md.jinja", **facts, shown=shown)
