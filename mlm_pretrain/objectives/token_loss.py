"""The one loss of token prediction: a sum over predicted tokens, divided once."""

from __future__ import annotations

import torch

IGNORED = -100


def token_loss(
    logits_PV: torch.Tensor, targets_P: torch.Tensor, predicted_count: torch.Tensor | int
) -> torch.Tensor:
    """Cross-entropy summed over P predicted tokens, divided by `predicted_count`.

    `predicted_count` is the number of predicted tokens in the whole optimiser step: over all
    micro-batches and all processes. Dividing by it, and by nothing else, makes the gradient the same
    however the step is split; a mean of micro-batch means is not, since masks differ in number.

    Args:
        logits_PV: scores over V ids for each predicted position, any float type.
        targets_P: the right ids, int64.
        predicted_count: at least 1.

    Returns:
        A scalar in float32.
    """
    total = torch.nn.functional.cross_entropy(logits_PV.float(), targets_P, reduction="sum")
    return total / predicted_count
