"""Random draws that depend on where we are, not on what was drawn before.

A counter-based generator keyed on (seed, epoch, example) gives an example the same mask in every
process, with any number of workers, and after any resume: there is no generator state to lose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

# The epoch number of evaluation: its masks are fixed for a seed, and unlike any training epoch's.
EVALUATION_EPOCH = (1 << 31) - 1

_ROW_STREAM = 0x6D6C6D  # sets these draws apart from others made with the same seed


def row_generator(seed: int, epoch: int, example: int) -> np.random.Generator:
    """A generator (Philox, Salmon et al. 2011) for one example in one epoch."""
    return next(row_generators(seed, [(epoch, example)]))


def row_generators(seed: int, places: Iterable[tuple[int, int]]) -> Iterator[np.random.Generator]:
    """`row_generator` of each (epoch, example), by one generator set anew for each.

    Making one takes longer than drawing a row's mask with it. Each is good until the next is asked for.
    """
    philox = np.random.Philox(key=0)
    generator = np.random.Generator(philox)
    key = np.array([seed & 0xFFFFFFFFFFFFFFFF, _ROW_STREAM], dtype=np.uint64)
    counter, buffer = np.zeros(4, dtype=np.uint64), np.zeros(4, dtype=np.uint64)
    fresh = {"buffer": buffer, "buffer_pos": len(buffer), "has_uint32": 0, "uinteger": 0}
    for counter[2], counter[3] in places:
        philox.state = {
            "bit_generator": "Philox", "state": {"counter": counter, "key": key}, **fresh
        }  # fmt: skip
        yield generator


def epoch_permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of `size` examples in one epoch, int64."""
    return row_generator(seed, epoch, (1 << 63) - 1).permutation(size)
