"""Texts in a batch, and their embeddings.

B: rows. L: length of a view's half of a row. N: texts, S: segments. H: hidden size.
"""

from __future__ import annotations

import torch

from mlm_pretrain.objectives.objective import Batch
from mlm_pretrain.objectives.token_loss import IGNORED


def views_of(batch: Batch) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The first views and the second, each a batch of packed rows (B, L)."""
    half = batch["input_ids"].shape[1] // 2
    first = {name: value[:, :half] for name, value in batch.items()}
    second = {name: value[:, half:] for name, value in batch.items()}
    before_B = first["segment_ids"].amax(1, keepdim=True)
    second["segment_ids"] = (second["segment_ids"] - before_B).clamp_min(0)
    return first, second


def ordinary_counts(view: Batch) -> torch.Tensor:
    """Ordinary tokens of each segment (S), in the rows' order; none where a batch is to be passed over."""
    starts = (view["position_ids"] == 0) & (view["segment_ids"] > 0)
    number = starts.flatten().cumsum(0) - 1
    is_ordinary = view["labels"].flatten() != IGNORED
    return torch.bincount(number[is_ordinary], minlength=int(starts.sum()))


def has_text(first: Batch, second: Batch) -> torch.Tensor:
    """Which segments (S) are texts to learn from: those with an ordinary token in both views."""
    return (ordinary_counts(first) > 0) & (ordinary_counts(second) > 0)


def pooled(states_BLH: torch.Tensor, view: Batch, pooling: str) -> torch.Tensor:
    """One vector of each segment (S, H): the mean over its ordinary tokens, or its first token's state."""
    states = states_BLH.flatten(0, 1)
    if pooling == "cls":
        starts = (view["position_ids"] == 0) & (view["segment_ids"] > 0)
        return states[starts.flatten()]
    counts_S = ordinary_counts(view)
    ordinary = states[view["labels"].flatten() != IGNORED]
    if not len(ordinary):
        return ordinary.sum() + states.new_zeros(len(counts_S), states.shape[1])
    # Not index_add: on GPUs it adds in any order.
    sums_SH = torch.segment_reduce(ordinary, "sum", lengths=counts_S, axis=0, initial=0)
    return sums_SH / counts_S.clamp_min(1)[:, None]
