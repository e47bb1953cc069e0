"""How often a run is probed: on a clock of numbers, whole runs are gone through."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mlm_pretrain.training.probing.pace import MOST_PROBINGS, Moment, Pace


def gone_through(
    pace: Pace, steps: int, step_seconds: float, cost: float, by_clock: bool
) -> tuple[list[int], int]:
    """(the steps that were probed, the last of all); a step takes `step_seconds` beside probings."""
    elapsed, whole, probed = 0.0, steps * step_seconds, [0]

    def moment(step: int) -> Moment:
        progress = min(1.0, elapsed / whole) if by_clock else step / steps
        return Moment(step, progress, elapsed, whole if by_clock else None)

    elapsed += cost
    pace.note(moment(0), cost)
    step = 0
    while True:
        step += 1
        elapsed += step_seconds
        is_last = moment(step).progress >= 1
        if pace.is_due(moment(step), is_last):
            elapsed += cost
            pace.note(moment(step), cost)
            probed.append(step)
        if moment(step).progress >= 1:
            assert pace.spent_seconds == pytest.approx(cost * len(probed))
            return probed, step


@pytest.mark.parametrize("by_clock", [False, True])
@pytest.mark.parametrize("every", [None, 100])
def test_the_share_is_kept_and_used(every: int | None, by_clock: bool) -> None:
    """Half an hour with probings of 8.5 seconds: 54 seconds are 3 %, six probings."""
    pace = Pace(every, share=0.03)
    probed, end = gone_through(pace, steps=1800, step_seconds=1.0, cost=8.5, by_clock=by_clock)
    assert len(probed) == 6 if every is None else len(probed) in (5, 6)
    assert pace.spent_seconds <= 0.031 * 1800
    assert probed[-1] == end
    gaps = [b - a for a, b in pairwise(probed)]
    assert max(gaps) <= 1.6 * min(gaps[:-1])
    if every is not None:
        assert all(step % every == 0 for step in probed[:-1])
        assert pace.stretch > 1


def test_what_is_asked_for_is_done_where_it_is_cheap() -> None:
    pace = Pace(40, share=0.03)
    assert gone_through(pace, 100, 1.0, 0.1, by_clock=False)[0] == [0, 40, 80, 100]
    assert pace.stretch == 1


def test_cheap_probings_are_spread_over_the_run() -> None:
    probed, end = gone_through(Pace(None, share=0.03), 1000, 1.0, 1e-3, by_clock=False)
    assert len(probed) == 1 + MOST_PROBINGS
    assert probed[-1] == end == 1000


def test_none_is_made_where_the_first_took_the_share() -> None:
    assert gone_through(Pace(10, share=0.03), 100, 0.1, 5.0, by_clock=False)[0] == [0]
    assert gone_through(Pace(None, share=0.03), 100, 0.1, 5.0, by_clock=True)[0] == [0]


def test_without_a_limit_every_step_asked_for_is_probed() -> None:
    assert gone_through(Pace(10, share=1.0), 35, 0.1, 5.0, by_clock=False)[0] == [0, 10, 20, 30, 35]


def test_a_pace_is_taken_up_where_it_was_left() -> None:
    pace = Pace(10, share=0.5)
    pace.note(Moment(20, 0.2, 30.0), 2.5)
    other = Pace(10, share=0.5)
    other.restore(pace.facts())
    assert other == pace
    other.restore({})
    assert other == Pace(10, share=0.5)
