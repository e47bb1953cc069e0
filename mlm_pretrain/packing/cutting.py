"""Documents of token ids → segments, each with its own start and end token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlm_pretrain.packing.boundaries import Boundaries

_MASK = (1 << 64) - 1
_TABLE_BITS = 12
# Full windows leave a tail of any length; one shorter than this shares its window with the last.
SHORTEST_TAIL = 8


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths to cut at, counted without start and end token.

    `table` holds 2^12 lengths; a document draws from it by the hash of its text, so that cuts
    depend on the text and the seed alone: never on order, on processes or on a generator's state.
    """

    table: tuple[int, ...]
    smallest: int
    largest: int


def varied_lengths(shortest: int, longest: int, overhead: int) -> Lengths:
    """Log-uniform between `shortest` and `longest` (both with start and end token)."""
    quantiles = (np.arange(1 << _TABLE_BITS) + 0.5) / (1 << _TABLE_BITS)
    drawn = shortest * ((longest + 1) / shortest) ** quantiles
    inner = np.clip(drawn.astype(np.int64), shortest, longest) - overhead
    smallest = max(shortest - overhead, 1)
    return Lengths(tuple(np.maximum(inner, 1).tolist()), smallest, longest - overhead)


def full_lengths(longest: int, overhead: int) -> Lengths:
    """Windows of `longest` tokens (with start and end token) and a tail."""
    largest = longest - overhead
    return Lengths((largest,) * (1 << _TABLE_BITS), min(SHORTEST_TAIL, largest), largest)


def cut(count: int, key: int, lengths: Lengths) -> list[int]:
    """Lengths that sum to `count`, drawn from `lengths` by `key` (SplitMix64).

    A tail shorter than `smallest` joins the segment before it or, where both together would be
    longer than `largest`, shares its tokens evenly with it.
    """
    drawn = []
    while count:
        key = (key + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        wanted = lengths.table[mixed >> (64 - _TABLE_BITS)]
        if count - wanted >= lengths.smallest:
            drawn.append(wanted)
            count -= wanted
            continue
        drawn.extend([count] if count <= lengths.largest else [count - count // 2, count // 2])
        break
    return drawn


def wrap(
    inner: np.ndarray, lengths: Sequence[int], boundaries: Boundaries
) -> tuple[np.ndarray, np.ndarray]:
    """Put the start and end token around every segment.

    Args:
        inner: ids of all segments in a row, (N,).
        lengths: tokens of each segment, summing to N.

    Returns:
        ids (N + S · overhead,) and the S lengths with start and end token.
    """
    whole = np.asarray(lengths, dtype=np.int64) + boundaries.overhead
    ends = np.cumsum(whole)
    ids = np.empty(int(ends[-1]) if len(ends) else 0, dtype=inner.dtype)
    is_text = np.ones(len(ids), dtype=bool)
    is_text[ends - 1] = False
    ids[ends - 1] = boundaries.end
    if boundaries.start is not None:
        is_text[ends - whole] = False
        ids[ends - whole] = boundaries.start
    ids[is_text] = inner
    return ids, whole
