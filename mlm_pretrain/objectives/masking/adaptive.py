"""Masks that follow the loss: tokens the model finds hard are chosen more often, easy ones less.

Formula: d_i is the running mean of the loss of id i, in nats; its weight in the draw is
w_i = clip(d_i / mean d, 1/4, 4) ^ strength, and 1 for ids that were hardly seen yet.
Source: Yang et al. 2023, "Learning better masking for better language model pre-training", who weigh parts of
speech by their losses; here every id stands for itself, so that no tagger is needed.
In plain words: an id that costs twice the average has twice the tickets at strength 1, and none has more than
four times or less than a quarter of the average's.

V: vocabulary. P: predicted tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.objectives.vocabulary import Numbers

ENOUGH_SEEN = 5  # predictions of an id before its mean loss says anything
_LEAST, _MOST = 1 / 4, 4.0
_MOST_NATS = 100.0  # of one token; keeps sums within 64 bits, and an infinite loss out of the mean
_PARTS = 1 << 24  # of a nat


def choice_weights(mean_nats_V: NDArray[Any], seen_V: NDArray[Any], strength: float) -> Numbers:
    """The weight of each id (V) in the draw of `mask_rows`, all above 0.

    Args:
        mean_nats_V: running mean of each id's loss.
        seen_V: how often it was predicted.
        strength: 0 weighs all alike.
    """
    weights_V = np.ones(len(mean_nats_V))
    known_V = seen_V >= ENOUGH_SEEN
    nats = mean_nats_V[known_V].astype(np.float64)
    if len(nats) and nats.mean() > 0:
        weights_V[known_V] = np.clip(nats / nats.mean(), _LEAST, _MOST) ** strength
    return weights_V


def tally(ids_P: torch.Tensor, nats_P: torch.Tensor, size: int) -> torch.Tensor:
    """Summed loss and number of predictions of each id, int64 (2, V).

    The loss is counted in whole parts of a nat, so that tallies of a step's batches and processes add up to
    the same bits in whatever order and on whatever device.
    """
    most = _MOST_NATS
    parts_P = nats_P.float().nan_to_num(nan=most, posinf=most).clamp(0, most).mul(_PARTS)
    both_2P = torch.stack([parts_P.round().long(), torch.ones_like(ids_P)])
    return torch.zeros(2, size, dtype=torch.int64, device=ids_P.device).index_add_(
        1, ids_P, both_2P
    )


def moved(
    mean_nats_V: torch.Tensor, seen_V: torch.Tensor, tally_2V: torch.Tensor, decay: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean_nats_V, seen_V) after a step with this tally.

    The mean of an id's losses in the step moves its running mean once, by 1 − `decay` of the way, and all the
    way when it is the first; ids that were not predicted stay.
    """
    sums_V, counts_V = tally_2V
    step_V = sums_V.to(mean_nats_V.dtype) / _PARTS / counts_V.clamp(min=1)
    way_V = torch.where(seen_V == 0, 1.0, 1 - decay).to(mean_nats_V.dtype)
    mean_V = torch.where(counts_V > 0, mean_nats_V * (1 - way_V) + step_V * way_V, mean_nats_V)
    return mean_V, seen_V + counts_V
