"""What a model learns to predict: one file an objective, and one line each here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives import causal, masked


@dataclass(frozen=True)
class Objective:
    """How an objective plugs into training.

    Attributes:
        auto_class: name of the `transformers` Auto class whose head it needs.
        is_causal: whether attention looks only to the left.
        config: its settings.
        collator: builds batches from (vocabulary, config, seed).
        predicted_positions: labels (B, L) → flat positions (P) whose scores are compared with ids (P).
    """

    name: str
    auto_class: str
    is_causal: bool
    config: type[StrictConfig]
    collator: Callable[..., Callable[..., dict[str, torch.Tensor]]]
    predicted_positions: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def _objective(name: str, auto_class: str, is_causal: bool, room: Any, prefix: str) -> Objective:
    return Objective(
        name, auto_class, is_causal, getattr(room, f"{prefix}Config"),
        getattr(room, f"{prefix}Collator"), room.predicted_positions,
    )  # fmt: skip


OBJECTIVES = {
    "mlm": _objective("mlm", "AutoModelForMaskedLM", False, masked, "Masked"),
    "clm": _objective("clm", "AutoModelForCausalLM", True, causal, "Causal"),
}
