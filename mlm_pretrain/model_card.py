"""The README.md of an exported model: what a careful reader would ask, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment

_TEMPLATE = Path(__file__).with_name("model_card.md.jinja")

_SHOWN = (
    "objective", "objective_settings", "objectives", "together", "balance", "arch", "init", "batch_size",
    "accumulation", "optimizer", "learning_rate", "weight_decay", "warmup_share", "decay_share", "dropout",
    "masking", "seed",
)  # fmt: skip
_OF_SEVERAL = ("objectives", "together", "balance")


def model_card(facts: dict[str, Any]) -> str:
    """Render the card from a run's facts (see `export`)."""
    # Markdown, not HTML, so nothing is escaped.
    template = Environment(autoescape=False).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    left_out = () if facts["config"].get("objectives") else _OF_SEVERAL
    return template.render(**facts, shown=[name for name in _SHOWN if name not in left_out])
