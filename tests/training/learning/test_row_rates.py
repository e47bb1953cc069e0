"""Rows of a table with a rate of their own: as AdamW would update them as a weight of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mlm_pretrain.training.learning.rows import RowRates
from mlm_pretrain.training.muon import MuonAdamW

FIRST, RATE, DECAY = 7, 1e-2, 0.1


def optimizer_of(name: str, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if name == "muon":
        matrix = torch.nn.Parameter(torch.ones(4, 4))
        return MuonAdamW([*groups, {"params": [matrix], "blocks": 1, "weight_decay": 0.1}], lr=RATE)
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)


def table() -> torch.Tensor:
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(0))


def gradients(step: int) -> torch.Tensor:
    """Of very different sizes, as AdamW does not care; none at all in some rows."""
    generator = torch.Generator().manual_seed(100 + step)
    found = torch.randn(12, 5, generator=generator) * 10.0 ** torch.arange(-3, 9)[:, None] * 1e-4
    found[step % 12] = 0.0
    return found


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("factor", [0.1, 5.0])
def test_rows_get_adamw_at_their_rate_and_the_others_at_theirs(name: str, factor: float) -> None:
    """Decay with it: compared with a table at one rate, and with the rows as a weight in a group of their own
    (which the fused kernel takes by other vectors, so that the last bit may differ)."""
    whole, plain = torch.nn.Parameter(table()), torch.nn.Parameter(table())
    rows = torch.nn.Parameter(table()[FIRST:])
    ours, theirs = (
        optimizer_of(name, [{"params": [weight], "weight_decay": DECAY, "blocks": 0}])
        for weight in (whole, plain)
    )
    rates = RowRates(ours)
    rates.rates = [(whole, slice(FIRST, 12), factor)]
    apart = torch.optim.AdamW(
        [rows], lr=RATE * factor, betas=(0.9, 0.98), weight_decay=DECAY, fused=True
    )
    for step in range(20):
        whole.grad, plain.grad = gradients(step), gradients(step)
        rows.grad = gradients(step)[FIRST:]
        for optimizer in (ours, theirs, apart):
            optimizer.step()
        assert torch.equal(whole[:FIRST], plain[:FIRST])
        torch.testing.assert_close(whole[FIRST:], rows, atol=1e-6, rtol=1e-5)
    for key in ("exp_avg", "exp_avg_sq", "step"):
        assert torch.equal(ours.state[whole][key], theirs.state[plain][key])


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_factor_of_nothing_keeps_rows_to_the_bit(name: str) -> None:
    whole = torch.nn.Parameter(table())
    optimizer = optimizer_of(name, [{"params": [whole], "weight_decay": DECAY, "blocks": 0}])
    rates = RowRates(optimizer)
    rates.rates = [(whole, slice(0, FIRST), 0.0)]
    for step in range(3):
        whole.grad = gradients(step)
        optimizer.step()
    assert torch.equal(whole[:FIRST], table()[:FIRST])
    assert not torch.isclose(whole[FIRST:], table()[FIRST:]).any()
    rates.rates = []  # and learn again once they may
    whole.grad = gradients(3)
    optimizer.step()
    assert not torch.isclose(whole[:FIRST], table()[:FIRST]).all(1).any()
