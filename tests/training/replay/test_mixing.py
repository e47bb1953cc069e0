"""Which rows each step shows: shares, orders without repeats, and the same however a step is dealt out."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from mlm_pretrain.training.placement import DealtBatches, shuffled
from mlm_pretrain.training.replay.mixing import Change, Mixture, places_of

OWN, OTHER, SEED = 50, 23, 5


def mixture(
    share: float, rows_a_step: int = 8, first: int = 0, changes: list[Change] | None = None
) -> Mixture:
    own = shuffled(SEED, OWN)
    return Mixture(own, OWN, OTHER, share, SEED, rows_a_step, first, changes or [])


def shown(found: Mixture, epochs: int) -> list[list[tuple[int, int]]]:
    return [found.epoch(number)(slice(0, found.places)) for number in range(epochs)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 1 / 3, 0.5, 0.9])
def test_each_own_row_once_an_epoch_and_no_other_twice_before_all(share: float) -> None:
    found = mixture(share)
    epochs = shown(found, 9)
    others = []
    for number, epoch in enumerate(epochs):
        own = [row for at, row in epoch if row < OWN]
        assert own == list(shuffled(SEED, OWN)(number))
        assert {at for at, row in epoch if row < OWN} == {number}
        others += [(at, row - OWN) for at, row in epoch if row >= OWN]
        for end in range(1, len(epoch) + 1):  # evenly spread: no part has one more than its share
            replayed = sum(row >= OWN for _, row in epoch[:end])
            assert replayed == pytest.approx(end * share, abs=1)
    for start in range(0, len(others) - OTHER + 1, OTHER):
        assert {row for _, row in others[start : start + OTHER]} == set(range(OTHER))
    assert [at for at, _ in others] == [place // OTHER for place in range(len(others))]
    if share:
        orders = [[row for at, row in others if at == round_] for round_ in range(2)]
        assert len(others) < 2 * OTHER or orders[0] != orders[1]


def test_places_leave_exactly_the_own_rows() -> None:
    for rows in (1, 7, 1000, 123_457):
        for percent in range(0, 100, 7):
            share = percent / 100
            places = places_of(rows, share)
            assert places - int(places * share + 1e-9) == rows


def test_a_run_that_follows_goes_on_where_the_other_ended() -> None:
    one = shown(mixture(0.2), 4)
    assert shown(mixture(0.2, first=2), 2) == one[2:]


def test_a_raised_share_holds_from_its_step_on() -> None:
    """In the middle of the first epoch and of a later one; what came before stays as it was."""
    plain, changes = mixture(0.2), [Change(3, 0.5), Change(11, 0.75)]
    changed = mixture(0.2, changes=changes)
    before, after = shown(plain, 4), shown(changed, 4)
    assert [len(epoch) for epoch in after] == [len(epoch) for epoch in before] == [62] * 4
    steps = [[epoch[n : n + 8] for n in range(0, 62, 8)] for epoch in after]  # eight steps an epoch
    assert after[0][:24] == before[0][:24]
    counts = [sum(row >= OWN for _, row in step) for epoch in steps for step in epoch]
    assert counts[3:7] == [4] * 4 and counts[11:15] == [6] * 4
    others = [(at, row) for epoch in after for at, row in epoch if row >= OWN]
    assert max(Counter(others).values()) == 1
    for start in range(0, len(others) - OTHER + 1, OTHER):
        assert len({row for _, row in others[start : start + OTHER]}) == OTHER
    own = [row for at, row in after[2] if row < OWN]
    assert own == list(shuffled(SEED, OWN)(2))[: len(own)] and len(own) < OWN


def test_a_change_is_heeded_by_an_epoch_that_has_begun() -> None:
    found = mixture(0.2, changes=[])
    epoch = found.epoch(0)
    epoch(slice(0, 16))
    found.changes.append(Change(3, 0.5))  # type: ignore[attr-defined]
    assert epoch(slice(16, 62)) == mixture(0.2, changes=[Change(3, 0.5)]).epoch(0)(slice(16, 62))


def test_a_step_is_the_same_however_it_is_dealt_out() -> None:
    """By one process with batches of 8, two of 4, and two of 2 that take two batches a step."""

    def steps(rows: int, processes: int) -> list[list[tuple[int, int]]]:
        parts = []
        for process in range(processes):
            dealt = DealtBatches(shuffled(SEED, OWN), OWN, rows, processes, process)
            dealt.mixture = mixture(0.3, changes=[Change(4, 0.6)])
            dealt.size = dealt.mixture.places
            dealt.set_epoch(1)
            batches = [[(p.epoch, p.example) for p in batch if not p.weightless] for batch in dealt]
            parts.append(batches)
        rounds = [list(chain(*batches)) for batches in zip(*parts, strict=True)]
        a_step = 8 // (rows * processes)
        starts = range(0, len(rounds), a_step)
        return [sorted(chain(*rounds[start : start + a_step])) for start in starts]

    assert steps(8, 1) == steps(4, 2) == steps(2, 2)
