"""Which rows each step shows, where rows of other text are mixed in.

The places of an epoch are dealt out as without a mixture; some of them, evenly spread, are for rows of the
other text. Which, and which rows, follows from the seed and the number of the place alone, so that nothing
needs to be remembered but at which steps the share was changed.

N: rows of the run's own data. M: rows of the other. K: places of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlm_pretrain.objectives.randomness import epoch_permutation

_REPLAY_STREAM = 0x72_65_70_6C  # sets these orders apart from those of the run's own rows
_ROUNDING = 1e-9  # 0.29 · 100 lies below 29


def replayed(places: int, share: float) -> int:
    """How many of the first `places` are for the other text."""
    return int(places * share + _ROUNDING)


def places_of(rows: int, share: float) -> int:
    """K: the places of which `rows` are left for the run's own."""
    places = max(rows, int(rows / (1.0 - share)) - 2)
    while places - replayed(places, share) < rows:
        places += 1
    return places


class Change(NamedTuple):
    """From the step `step` (counted from 0) on the share is `share`."""

    step: int
    share: float


class Piece(NamedTuple):
    """Places of an epoch, from `start` on, with one share; `before` are for the other text ahead of them."""

    start: int
    share: float
    before: int


@dataclass
class Mixture:
    """The order of rows from two texts.

    Attributes:
        own: epoch → the N rows of the run's own data in their order.
        rows: N.
        other_rows: M.
        share: at first, which decides how many places an epoch has.
        seed: of the order of the other rows.
        rows_a_step: of all processes and micro-batches together.
        first_epoch: what the run's first epoch counts as.
        changes: of the share, the earliest first. A share above the first takes places from the own rows: an
            epoch then passes over those at its end, others each time.
    """

    own: Callable[[int], Sequence[int]]
    rows: int
    other_rows: int
    share: float
    seed: int
    rows_a_step: int
    first_epoch: int = 0
    changes: Sequence[Change] = field(default_factory=list)

    @property
    def places(self) -> int:
        """K."""
        return places_of(self.rows, self.share)

    def epoch(self, number: int) -> MixedEpoch:
        """The places of the run's `number`-th epoch, counted from 0."""
        own = np.asarray(self.own(self.first_epoch + number), dtype=np.int64)
        return MixedEpoch(self, number, own, self._before(number))

    def pieces(self, number: int) -> list[Piece]:
        """The places of an epoch by share."""
        steps = -(-self.places // self.rows_a_step)
        shares = {0: self.share}
        for step, share in self.changes:
            place = (step - number * steps) * self.rows_a_step
            if place < self.places:
                shares[max(0, place)] = share
        found: list[Piece] = []
        for start, share in sorted(shares.items()):
            before = found[-1].before + _within(found[-1], start) if found else 0
            found.append(Piece(start, share, before))
        return found

    def _before(self, number: int) -> int:
        """Rows of the other text that came in earlier epochs, of the runs before with this share too."""
        first = self.first_epoch * replayed(self.places, self.share)
        ends = [self.pieces(epoch)[-1] for epoch in range(number)] if self.changes else []
        changed = sum(last.before + _within(last, self.places) for last in ends)
        return first + (changed if ends else number * replayed(self.places, self.share))


def _within(piece: Piece, end: int) -> int:
    """Places of the other text from the beginning of `piece` up to `end`, where no other begins."""
    return replayed(end - piece.start, piece.share)


class MixedEpoch:
    """The places of one epoch; what lies ahead follows the changes of the share until it is asked for."""

    def __init__(self, mixture: Mixture, number: int, own_N: np.ndarray, before: int) -> None:
        self.mixture, self.number, self.own_N, self.before = mixture, number, own_N, before
        self._order = lru_cache(2)(self._shuffled)

    def __len__(self) -> int:
        return self.mixture.places

    def __call__(self, part: slice) -> list[tuple[int, int]]:
        """(epoch, row) of each place in `part`; rows of the other text count from N on.

        The epoch of those is how often all of them have come, for masks that differ each time.
        """
        start, end, _ = part.indices(len(self))
        counts = self._replayed(np.arange(start, end + 1))
        counted = self.mixture.first_epoch + self.number
        found = []
        for place, (count, following) in enumerate(
            zip(counts.tolist(), counts[1:].tolist(), strict=False), start=start
        ):
            if following > count:
                found.append(self._other(self.before + count))
            else:
                found.append((counted, int(self.own_N[place - count])))
        return found

    def _replayed(self, places_P: np.ndarray) -> np.ndarray:
        """How many places before each of `places_P` (ascending) are for the other text (P)."""
        pieces = self.mixture.pieces(self.number)
        starts = np.array([piece.start for piece in pieces])
        at_P = np.searchsorted(starts, places_P, side="right") - 1
        shares, before = (np.array([piece[n] for piece in pieces]) for n in (1, 2))
        inner_P = np.floor((places_P - starts[at_P]) * shares[at_P] + _ROUNDING)
        return before[at_P].astype(np.int64) + inner_P.astype(np.int64)

    def _other(self, number: int) -> tuple[int, int]:
        """Of the run's `number`-th row of the other text."""
        round_, place = divmod(number, self.mixture.other_rows)
        return round_, self.mixture.rows + int(self._order(round_)[place])

    def _shuffled(self, round_: int) -> np.ndarray:
        mixture = self.mixture
        return epoch_permutation(mixture.seed ^ _REPLAY_STREAM, round_, mixture.other_rows)
