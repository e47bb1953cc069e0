"""Which rows an epoch shows, in which order, while not all of them may be drawn yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.training.curriculum.pacing import eligible_rows
from mlm_pretrain.training.curriculum.ranking import Curriculum

_DRAWS = 1 << 61  # places beside those of examples, whose masks are drawn from the same seed


def paced_order(
    curriculum: Curriculum,
    usual: Callable[[int], Sequence[int]],
    seed: int,
    rows_a_step: int,
    progress: Callable[[int, int], float],
) -> Callable[[int], Sequence[int]]:
    """Epoch → numbers of as many rows as there are, of which easy ones come several times at first.

    Each step draws its rows from those it may, each with the same chance and none twice. Its draw follows
    from (seed, epoch, place of its first row), so nothing needs to be remembered. From the first step on that
    may draw every row, the epoch goes on with the rest of its usual order.

    Two steps may draw the same row: it is then masked anew (`DealtBatches.repeats`). In the epoch in which
    the usual order sets in, some rows come twice or more and others not at all.

    Args:
        usual: the order without a curriculum.
        progress: (epoch, place in it) → share of the run done before the step of that place.
    """
    ranked_R = curriculum.ranked_R
    size = len(ranked_R)

    def order(epoch: int) -> Sequence[int]:
        found_R = np.array(usual(epoch), dtype=np.int64)
        firsts = range(0, size, rows_a_step)
        generators = row_generators(seed, ((epoch, _DRAWS + first) for first in firsts))
        for first, generator in zip(firsts, generators, strict=True):
            eligible = eligible_rows(curriculum.config, progress(epoch, first), size)
            if eligible == size:
                break
            step = found_R[first : first + rows_a_step]
            step[:] = ranked_R[draw(generator, eligible, len(step))]
        return [int(row) for row in found_R]

    return order


def draw(generator: np.random.Generator, eligible: int, count: int) -> np.ndarray:
    """`count` of the first `eligible` ranks; where they are too few, each as often as the others."""
    if eligible < count:
        return np.resize(generator.permutation(eligible), count)
    return generator.choice(eligible, count, replace=False)
