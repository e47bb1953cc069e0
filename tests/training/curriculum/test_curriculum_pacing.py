"""How many rows may be drawn when, and which rows are then seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm_pretrain.training.curriculum import Curriculum, CurriculumConfig
from mlm_pretrain.training.curriculum.order import paced_order
from mlm_pretrain.training.curriculum.pacing import FORMS, eligible_rows, eligible_share
from mlm_pretrain.training.placement import DealtBatches, epochs_apart, shuffled

SIZE, A_STEP, EPOCHS = 203, 8, 4  # 26 steps an epoch, the last of three rows
STEPS_AN_EPOCH = 26
RANKED_R = np.random.default_rng(5).permutation(SIZE)


@pytest.mark.parametrize(
    ("pacing", "expected"),
    [
        ("linear", [0.1, 0.55, 1.0, 1.0]),
        ("root", [0.1, 0.505**0.5, 1.0, 1.0]),
        ("stepwise", [0.1, 0.1 + 0.9 * 2 / 5, 1.0, 1.0]),
    ],
)
def test_shares_at_four_moments(pacing: str, expected: list[float]) -> None:
    config = CurriculumConfig(pacing=pacing)  # type: ignore[arg-type]
    found = [eligible_share(config, progress) for progress in (0, 0.25, 0.5, 1)]
    assert found == pytest.approx(expected)


def test_stages_are_equal_steps() -> None:
    config = CurriculumConfig(pacing="stepwise", stages=10, start_share=0.5, until=1.0)
    found = [eligible_share(config, n / 10) for n in range(11)]
    assert found == pytest.approx([0.5 + 0.05 * n for n in range(11)])


@given(
    st.sampled_from(sorted(FORMS)), st.floats(0.001, 1), st.floats(0.001, 1), st.integers(1, 12),
    st.lists(st.floats(0, 1), min_size=2), st.integers(1, 10_000),
)  # fmt: skip
def test_never_fewer_rows_than_before(
    pacing: str, start: float, until: float, stages: int, moments: list[float], rows: int
) -> None:
    config = CurriculumConfig.model_validate(
        {"pacing": pacing, "start_share": start, "until": until, "stages": stages}
    )
    found = [eligible_rows(config, progress, rows) for progress in sorted(moments)]
    assert found == sorted(found)
    assert 1 <= found[0] <= found[-1] <= eligible_rows(config, 1.0, rows) == rows
    assert eligible_rows(config, 0.0, rows) == max(1, min(rows, -(-start * rows // 1))) or (
        abs(start * rows - round(start * rows)) < 1e-6
    )


def step_progress(epoch: int, place: int) -> float:
    return (epoch * STEPS_AN_EPOCH + place // A_STEP) / (EPOCHS * STEPS_AN_EPOCH)


def paced(config: CurriculumConfig, seed: int = 0) -> Callable[[int], Sequence[int]]:
    usual = shuffled(seed, SIZE)
    return paced_order(Curriculum(config, RANKED_R), usual, seed, A_STEP, step_progress)


@pytest.mark.parametrize("pacing", FORMS)
def test_steps_draw_only_what_they_may(pacing: str) -> None:
    """Each of its rows once, and of the easiest share."""
    config = CurriculumConfig(pacing=pacing, until=0.6)  # type: ignore[arg-type]
    order, difficulty = paced(config), np.argsort(RANKED_R)
    for epoch in range(EPOCHS):
        rows = order(epoch)
        assert len(rows) == SIZE
        for first in range(0, SIZE, A_STEP):
            step = rows[first : first + A_STEP]
            eligible = eligible_rows(config, step_progress(epoch, first), SIZE)
            assert max(difficulty[step]) < eligible
            assert len(set(step)) == len(step)
    assert max(difficulty[order(0)[:A_STEP]]) < 0.11 * SIZE


def test_after_that_each_row_comes_once_an_epoch_as_usual() -> None:
    order, usual = paced(CurriculumConfig(until=0.6)), shuffled(0, SIZE)
    turn = next(n for n in range(26) if step_progress(2, n * A_STEP) >= 0.6) * A_STEP
    assert order(2)[turn:] == list(usual(2))[turn:]
    assert order(2)[:turn] != list(usual(2))[:turn]
    assert order(3) == usual(3)
    assert paced(CurriculumConfig(start_share=1.0))(0) == usual(0)


def test_draws_depend_on_seed_and_place_alone() -> None:
    order = paced(CurriculumConfig())
    later = order(1)
    assert order(0)[:A_STEP] != order(1)[:A_STEP]
    assert paced(CurriculumConfig())(1) == later
    assert paced(CurriculumConfig(), seed=1)(1) != later


def test_too_few_eligible_rows_come_evenly() -> None:
    config = CurriculumConfig(start_share=0.01, until=1.0, pacing="stepwise", stages=1)
    first = paced(config)(0)[:A_STEP]
    assert sorted(np.unique(first, return_counts=True)[1]) == [2, 3, 3]


def test_all_rows_that_may_be_drawn_have_the_same_chance() -> None:
    config = CurriculumConfig(start_share=0.2, until=1.0, pacing="stepwise", stages=1)
    drawn = [row for seed in range(40) for row in paced(config, seed)(0)]
    rows, counts = np.unique(drawn, return_counts=True)
    assert sorted(rows) == sorted(RANKED_R[:41])
    expected = len(drawn) / 41
    assert (abs(counts - expected) < 5 * expected**0.5).all()


@pytest.mark.parametrize(("rows", "processes"), [(8, 1), (4, 2), (2, 4), (2, 2)])
def test_any_number_of_processes_shares_the_same_steps(rows: int, processes: int) -> None:
    alone = list(paced(CurriculumConfig())(0))
    ranks = [
        list(DealtBatches(paced(CurriculumConfig()), SIZE, rows, processes, process))
        for process in range(processes)
    ]
    dealt = [p for turn in zip(*ranks, strict=True) for batch in turn for p in batch]
    assert [p.example for p in dealt if not p.weightless] == alone


def test_a_row_that_comes_again_is_masked_anew() -> None:
    """The places of an epoch differ, and those of rows that come once are the usual ones."""
    assert epochs_apart(3, [7, 5, 7, 7, 0]) == [3, 3, 3 + (1 << 32), 3 + (2 << 32), 3]
    batches = DealtBatches(paced(CurriculumConfig()), SIZE, A_STEP)
    batches.repeats = True
    places = [place for batch in batches for place in batch]
    assert len({place.example for place in places}) < len(set(places)) == SIZE
    for epoch in (2, 3):
        batches.set_epoch(epoch)
        usual = DealtBatches(shuffled(0, SIZE), SIZE, A_STEP)
        usual.set_epoch(epoch)
        assert list(batches) == list(usual)
