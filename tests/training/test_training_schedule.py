"""The learning rate's shape, and how far along a run is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig

from mlm_pretrain.training.budget import UNBOUNDED_STEPS, Budget
from mlm_pretrain.training.defaults import default_learning_rate
from mlm_pretrain.training.schedule import rate_share


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (0.0, 1e-3),
        (0.05, 0.5),
        (0.1, 1.0),
        (0.3, 1.0),
        (0.6, 1.0),
        (0.8, 0.5),
        (1.0, 0.0),
        (1.5, 0.0),
    ],
)
def test_up_level_down(progress: float, share: float) -> None:
    assert rate_share(progress, 0.1, 0.4) == pytest.approx(share)


@pytest.mark.parametrize(
    ("warmup", "decay", "shares"),
    [
        (0.0, 0.0, [1.0, 1.0, 1.0, 1.0]),  # level from the first step to behind the last
        (0.0, 1.0, [1.0, 0.75, 0.5, 0.0]),
        (1.0, 0.0, [1e-3, 0.25, 0.5, 1.0]),
        (0.0, 0.5, [1.0, 1.0, 1.0, 0.0]),
    ],
)
def test_parts_may_be_left_out(warmup: float, decay: float, shares: list[float]) -> None:
    found = [rate_share(progress, warmup, decay) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert found == pytest.approx(shares)


@given(st.floats(0.01, 0.5), st.floats(0.01, 0.5), st.floats(0, 1), st.floats(0, 1e-3))
def test_it_never_jumps(warmup: float, decay: float, progress: float, step: float) -> None:
    here, there = (rate_share(p, warmup, decay) for p in (progress, min(1.0, progress + step)))
    assert 0.0 <= here <= 1.0
    assert abs(here - there) <= step / min(warmup, decay) + 1e-9


def test_steps() -> None:
    budget = Budget(steps=8)
    assert [budget.progress(step) for step in (0, 2, 8, 9)] == [0.0, 0.25, 1.0, 1.0]
    assert [budget.is_spent(step) for step in (7, 8)] == [False, True]
    assert budget.max_steps == 8


def test_setup_counts_as_used_but_the_rate_starts_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    budget = Budget(seconds=60.0)
    budget.spend_on_setup(20.0)
    budget.start()
    assert budget.progress(0) == 0.0
    now = 120.0
    budget.tick()
    assert budget.elapsed_seconds == pytest.approx(40.0)
    assert budget.progress(0) == pytest.approx(0.5)
    now = 140.0
    budget.tick()
    assert budget.is_spent(0)


def test_setup_longer_than_the_run_leaves_one_step() -> None:
    budget = Budget(seconds=1.0)
    budget.spend_on_setup(5.0)
    budget.start()
    assert budget.progress(0) == 0.0
    budget.tick()
    assert budget.is_spent(1)


def test_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    budget = Budget(seconds=60.0, elapsed_seconds=15.0)  # resumed: a quarter was used before
    budget.start()
    assert budget.progress(10**6) == pytest.approx(0.25)
    now = 130.0
    budget.tick()
    assert budget.elapsed_seconds == pytest.approx(45.0)
    assert budget.progress(0) == pytest.approx(0.75)
    assert not budget.is_spent(10**6)
    now = 145.0
    budget.tick()
    assert budget.is_spent(0)
    assert budget.max_steps == UNBOUNDED_STEPS


@pytest.mark.parametrize(
    ("family", "layers", "width", "continued", "informed", "expected"),
    [
        ("modernbert", 4, 256, False, False, 1e-3), ("modernbert", 4, 256, False, True, 1.5e-3),
        ("modernbert", 12, 768, False, True, 5e-4), ("modernbert", 4, 256, True, True, 1e-4),
        ("bert", 4, 256, False, True, 1e-3), ("bert", 12, 768, False, True, 1.7e-4),
        ("bert", 12, 768, True, False, 1.7e-5), ("gpt2", 12, 128, False, False, 1e-3),
    ],
)  # fmt: skip
def test_rates_follow_width_depth_and_what_there_is_to_lose(
    family: str, layers: int, width: int, continued: bool, informed: bool, expected: float
) -> None:
    names = {"gpt2": {"n_layer": layers, "n_embd": width, "n_head": 2}}.get(
        family, {"num_hidden_layers": layers, "hidden_size": width}
    )
    config = AutoConfig.for_model(family, **names)
    assert default_learning_rate(config, continued, informed) == pytest.approx(expected, rel=0.02)
