"""What a model learns to predict: one file an objective, and one line each here."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.objectives import (
    causal,
    contrastive,
    denoising,
    hybrid,
    masked,
    next_sentence,
    order,
    replaced,
    tsdae,
)
from mlm_pretrain.objectives.card import Card
from mlm_pretrain.objectives.objective import Objective, count_predicted, predicted_loss

__all__ = ["OBJECTIVES", "Objective"]


def _token_prediction(
    name: str, auto_class: str, is_causal: bool, room: Any, prefix: str, card: Card
) -> Objective:
    """An objective whose loss is that of the tokens predicted, and nothing else."""
    return Objective(
        name, auto_class, is_causal, getattr(room, f"{prefix}Config"),
        getattr(room, f"{prefix}Collator"), room.predicted_positions, count_predicted, predicted_loss,
        card=card,
    )  # fmt: skip


OBJECTIVES = {
    "mlm": _token_prediction(
        "mlm", "AutoModelForMaskedLM", False, masked, "Masked", Card("masked-token prediction")
    ),
    "clm": _token_prediction(
        "clm",
        "AutoModelForCausalLM",
        True,
        causal,
        "Causal",
        Card("next-token prediction", "text-generation", "AutoModelForCausalLM"),
    ),
    "hybrid": hybrid.OBJECTIVE,
    "contrastive": contrastive.OBJECTIVE,
    "replaced": replaced.OBJECTIVE,
    "order": order.OBJECTIVE,
    "nsp": next_sentence.OBJECTIVE,
    "denoising": denoising.OBJECTIVE,
    "tsdae": tsdae.OBJECTIVE,
}
