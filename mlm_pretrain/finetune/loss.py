"""The loss of every task: summed over predictions, to be divided by their number.

B examples, L tokens, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def task_logits(outputs: Any, allowed_BL: Tensor | None) -> Tensor:
    """Logits with the classes last: (B, C), (B, L, C), or (B, 2, L) for an answer's two ends.

    For answers every token is a class, so tokens that cannot be one (question, padding) get the
    lowest score: otherwise the loss would depend on how far a batch is padded.
    """
    import torch

    if allowed_BL is None:
        return outputs["logits"]
    ends_B2L = torch.stack([outputs["start_logits"], outputs["end_logits"]], dim=1)
    return ends_B2L.float().masked_fill(~allowed_BL[:, None, :], torch.finfo(torch.float32).min)


def count_labels(labels: Tensor) -> Tensor:
    """How many labels count in the loss: those that are not −100, or all quantities."""
    import torch

    return torch.tensor(labels.numel()) if labels.is_floating_point() else (labels != -100).sum()


def summed_loss(logits: Tensor, labels: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """Sum of −log p(label) over labels that are not −100, in fp32.

    Args:
        logits: (…, C).
        labels: as many as there are rows of C, any shape.
        weights: how much a label of each class counts (C).

    Divide by the number of labels in the whole global batch. A mean of micro-batch means weighs a
    long sentence's tokens less than a short one's and changes with the batch's division.
    """
    import torch
    from torch.nn.functional import cross_entropy

    flat = logits.flatten(0, -2).float()
    weight_C = None if weights is None else torch.tensor(weights, device=flat.device)
    return cross_entropy(flat, labels.flatten(), weight_C, ignore_index=-100, reduction="sum")


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum of (output − label)² in fp32; both (B, 1)."""
    return (logits.float() - labels).square().sum()


def label_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over examples and labels of the entropy of each label's yes or no, in fp32; both (B, C)."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits.float(), labels, reduction="sum")
