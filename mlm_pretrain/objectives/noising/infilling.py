"""Text infilling (Lewis et al. 2020, BART): spans of any length, none included, behind one mask each."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.noising.segment import rounded
from mlm_pretrain.objectives.vocabulary import Ids


def infill(
    text_T: Ids, mask_id: int, ratio: float, mean_span: float, rng: np.random.Generator
) -> Ids:
    """The text with about `ratio` of its tokens behind masks; never longer than it was."""
    wanted = min(rounded(ratio * len(text_T), rng), len(text_T))
    lengths_K = span_lengths(wanted, mean_span, rng)
    kept, spans = len(text_T) - wanted, len(lengths_K)
    is_span_N = np.zeros(kept + spans, dtype=bool)
    is_span_N[rng.choice(kept + spans, spans, replace=False)] = True
    sizes_N = np.ones(kept + spans, dtype=np.int64)
    sizes_N[is_span_N] = lengths_K
    firsts_N = np.cumsum(sizes_N) - sizes_N
    seen_N = np.full(kept + spans, mask_id, dtype=np.int64)
    seen_N[~is_span_N] = text_T[firsts_N[~is_span_N]]
    return seen_N


def span_lengths(wanted: int, mean_span: float, rng: np.random.Generator) -> Ids:
    """Poisson-distributed lengths (K) that add up to `wanted` tokens, the last one cut to it.

    Masks of no token are dropped where there would be more masks than tokens behind them.
    """
    drawn: list[int] = []
    left = wanted
    while left > 0:
        drawn.append(min(int(rng.poisson(mean_span)), left))
        left -= drawn[-1]
    lengths_K = np.array(drawn, dtype=np.int64)
    is_empty_K = lengths_K == 0
    spare = wanted - int((~is_empty_K).sum())
    return lengths_K[~is_empty_K | (np.cumsum(is_empty_K) <= spare)]
