"""Running losses of ids and the weights made of them, beside loops that do it one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from mlm_pretrain.objectives.masking.adaptive import (
    ENOUGH_SEEN,
    choice_weights,
    moved,
    tally,
)

V, P, DECAY = 50, 400, 0.9


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (P), not all of them, and losses (P)."""
    generator = torch.Generator().manual_seed(seed)
    ids_P = torch.randint(0, V - 10, (P,), generator=generator)
    return ids_P, torch.rand(P, generator=generator) * 12


def fresh(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(V, dtype=dtype), torch.zeros(V, dtype=torch.int64)


def updated(mean_V: torch.Tensor, seen_V: torch.Tensor, *step: Any) -> tuple[Any, Any]:
    """The state after a step of ids and losses (P), and a decay."""
    ids_P, nats_P, decay = step
    return moved(mean_V, seen_V, tally(ids_P, nats_P, len(mean_V)), decay)


def test_three_steps_are_as_a_loop_over_ids_says() -> None:
    mean_V, seen_V = fresh()
    expected, seen = [0.0] * V, [0] * V
    for step in range(3):
        ids_P, nats_P = drawn(step)
        mean_V, seen_V = updated(mean_V, seen_V, ids_P, nats_P, DECAY)
        for token in range(V):
            losses = [n for i, n in zip(ids_P.tolist(), nats_P.tolist(), strict=True) if i == token]
            if losses:
                mean = sum(losses) / len(losses)
                before = expected[token] if seen[token] else mean  # the first is the whole mean
                expected[token] = DECAY * before + (1 - DECAY) * mean
                seen[token] += len(losses)
    assert seen_V.tolist() == seen
    assert mean_V.tolist() == pytest.approx(expected, abs=1e-6)
    assert seen[V - 1] == expected[V - 1] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_order_and_parts_of_a_step_change_no_bit(dtype: torch.dtype) -> None:
    state = updated(*fresh(dtype), *drawn(0), DECAY)
    ids_P, nats_P = drawn(1)
    whole = updated(*state, ids_P, nats_P, DECAY)
    assert whole[0].dtype == dtype
    for seed in range(5):
        order = torch.randperm(P, generator=torch.Generator().manual_seed(seed))
        shuffled = updated(*state, ids_P[order], nats_P[order], DECAY)
        pieces = [tally(ids_P[part], nats_P[part], V) for part in order.split(90)]
        in_parts = moved(*state, torch.stack(pieces).sum(0), DECAY)
        for ours in (shuffled, in_parts):
            assert torch.equal(ours[0], whole[0])
            assert torch.equal(ours[1], whole[1])


def test_a_loss_without_a_number_leaves_a_mean_that_is_one() -> None:
    ids_P = torch.tensor([3, 3, 4])
    nats_P = torch.tensor([math.nan, 2.0, math.inf])
    mean_V, seen_V = updated(*fresh(), ids_P, nats_P, DECAY)
    assert mean_V[3:5].tolist() == [51.0, 100.0]
    assert seen_V[3:5].tolist() == [2, 1]


def test_nothing_predicted_changes_nothing() -> None:
    state = updated(*fresh(), *drawn(0), DECAY)
    nothing = torch.zeros(0, dtype=torch.int64), torch.zeros(0)
    for before, after in zip(state, updated(*state, *nothing, DECAY), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_weights_are_as_a_loop_says(strength: float) -> None:
    rng = np.random.default_rng(0)
    mean_V = rng.exponential(3.0, size=200)
    seen_V = rng.integers(0, 3 * ENOUGH_SEEN, size=200)
    known = [n for n in range(200) if seen_V[n] >= ENOUGH_SEEN]
    average = sum(mean_V[n] for n in known) / len(known)
    expected = [1.0] * 200
    for n in known:
        expected[n] = min(max(mean_V[n] / average, 0.25), 4.0) ** strength
    found = choice_weights(mean_V, seen_V, strength)
    assert found == pytest.approx(expected)
    assert found.dtype == np.float64
    assert found.min() == pytest.approx(0.25**strength)  # both ends occur
    assert found.max() == pytest.approx(4.0**strength)


def test_without_strength_or_knowledge_all_weigh_alike() -> None:
    mean_V, seen_V = np.linspace(0, 9, 10, dtype=np.float32), np.full(10, 100)
    assert choice_weights(mean_V, seen_V, 0.0).tolist() == [1.0] * 10
    assert choice_weights(mean_V, np.full(10, ENOUGH_SEEN - 1), 1.0).tolist() == [1.0] * 10
    assert choice_weights(np.zeros(10), seen_V, 1.0).tolist() == [1.0] * 10
    assert choice_weights(np.zeros(0), np.zeros(0), 1.0).tolist() == []
