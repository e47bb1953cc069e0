"""The summed loss of a batch: packed rows in, nats over the predicted tokens out; for training too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.modeling.compilation import filled_up
from mlm_pretrain.modeling.sparse_head import HeadPlan, loss_in_head, predict_only
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.token_loss import token_loss


def summed_loss(
    model: torch.nn.Module,
    batch: Mapping[str, torch.Tensor],
    objective: Objective,
    *,
    head: HeadPlan,
    wrapped: torch.nn.Module | None = None,
) -> tuple[torch.Tensor, int, Any]:
    """(loss summed over the predicted tokens, their number P, what the model returned).

    Args:
        model: the Hugging Face model itself.
        batch: as the objective's collator makes it, with `labels` (B, L).
        head: what may be left out (see `sparse_head.plan_head`). Where the output layer is not plain, the
            returned output holds the scores (1, P, V); and of more tokens where it keeps shapes.
        wrapped: what to call instead of `model`, such as its DistributedDataParallel.
    """
    rows = {name: value for name, value in batch.items() if name != "labels"}
    inputs = packed_inputs(model, rows, objective.is_causal, keeps_padding=head.keeps_shapes)
    labels = inputs.labels(batch["labels"])
    positions_P, targets_P = objective.predicted_positions(labels)
    if head.keeps_shapes:
        positions_P = filled_up(positions_P, labels.numel())
    call = wrapped if wrapped is not None else model
    if not head.is_plain:
        with predict_only(model, positions_P, head.trimming):
            outputs = call(**inputs.arguments)
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
        return token_loss(logits[0, : len(targets_P)], targets_P, 1), len(targets_P), outputs
    with predict_only(model, positions_P, head.trimming), loss_in_head(model, targets_P) as loss:
        outputs = call(**inputs.arguments)
    if loss.total is None:
        raise RuntimeError(f"{type(model).__name__} did not call its output layer")
    return loss.total, len(targets_P), outputs
