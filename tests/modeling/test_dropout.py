"""Dropout that draws four elements at a time is dropout."""

from __future__ import annotations

import pytest
import torch

from mlm_pretrain.modeling.dropout import QuickDropout, draw_quickly


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_shares_and_scale(p: float) -> None:
    torch.manual_seed(0)
    inputs = torch.ones(1001, 999, requires_grad=True)
    out = QuickDropout(p)(inputs)
    dropped = (out == 0).double()
    assert dropped.mean().item() == pytest.approx(p, abs=0.002)
    assert out.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)], rel=1e-3)
    for lane in range(4):  # each of the elements that one number serves, and neighbours together
        assert dropped.flatten()[lane::4].mean().item() == pytest.approx(p, abs=0.003)
    both = (dropped[:, 1:] * dropped[:, :-1]).mean().item()
    assert both == pytest.approx(p * p, abs=0.003)
    out.sum().backward()
    assert torch.equal(inputs.grad, out.detach())  # of ones


def test_it_follows_the_generator_and_rests_in_evaluation() -> None:
    layer, inputs = QuickDropout(0.3), torch.randn(7, 5)
    found = []
    for _ in range(2):
        torch.manual_seed(4)
        found.append([layer(inputs), layer(inputs)])
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[0][1])
    assert layer.eval()(inputs) is inputs
    assert QuickDropout(0.0)(inputs) is inputs
    assert not QuickDropout(1.0)(inputs).any()


def test_a_models_dropouts_are_replaced_and_nothing_else() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Sequential(torch.nn.Dropout(0.2)))
    names = list(model.state_dict())
    model.eval()
    draw_quickly(model)
    inner = model[1][0]
    assert type(inner) is QuickDropout and inner.p == 0.2 and not inner.training
    assert list(model.state_dict()) == names
