"""Random draws that depend on where we are, not on what was drawn before.

A counter-based generator keyed on (seed, epoch, example) gives an example the same mask in every
process, with any number of workers, and after any resume: there is no generator state to lose.
"""

from __future__ import annotations

import numpy as np

# The epoch number of evaluation: its masks are fixed for a seed, and unlike any training epoch's.
EVALUATION_EPOCH = (1 << 31) - 1

_ROW_STREAM = 0x6D6C6D  # sets these draws apart from others made with the same seed


def row_generator(seed: int, epoch: int, example: int) -> np.random.Generator:
    """A generator (Philox, Salmon et al. 2011) for one example in one epoch."""
    counter = np.array([0, 0, epoch, example], dtype=np.uint64)
    key = np.array([seed & 0xFFFFFFFFFFFFFFFF, _ROW_STREAM], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def epoch_permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of `size` examples in one epoch, int64."""
    return row_generator(seed, epoch, (1 << 63) - 1).permutation(size)
