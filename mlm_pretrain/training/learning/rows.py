"""Rows of a table that learn at rates of their own, though the table is one weight to the optimiser.

AdamW changes a weight by −η · (m̂ / (√v̂ + ε) + λ · w), which is proportional to the rate η. So a change that
is scaled by f after the step is that of a step with the rate f · η, decay and all, and the state is
what it is at any rate. To scale the gradient would do nothing: Adam divides by the gradient's own size. A
factor of 0 puts a row back to the bit.

V: rows of the table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class Table(NamedTuple):
    """A weight with a row, or a number, for each token.

    Attributes:
        is_head: whether it belongs to the head alone, and not to the embeddings.
    """

    weight: torch.nn.Parameter
    is_head: bool


def token_tables(model: Any, vocabulary: int) -> list[Table]:
    """Token vectors, and what the output layer has for each token where that is not the same weight.

    Args:
        vocabulary: rows that they have at least.
    """
    base = {id(p) for p in model.base_model.parameters()}
    output = getattr(model, "get_output_embeddings", lambda: None)()
    weights = [getattr(model.get_input_embeddings(), "weight", None)]
    weights += [getattr(output, name, None) for name in ("weight", "bias")]
    known = {id(w): w for w in weights if isinstance(w, torch.nn.Parameter)}
    return [Table(w, id(w) not in base) for w in known.values() if len(w) >= vocabulary]


class RowRates:
    """Scales the changes that an optimiser makes to rows of some tables.

    Attributes:
        rates: of rows of a weight; those that are not named change as the optimiser says.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates: list[tuple[torch.nn.Parameter, slice, float]] = []
        self._before: list[torch.Tensor] = []
        optimizer.register_step_pre_hook(self._remember)
        optimizer.register_step_post_hook(self._scale)

    def _remember(self, *_: Any) -> None:
        self._before = [weight.detach()[rows].clone() for weight, rows, _ in self.rates]

    @torch.no_grad()
    def _scale(self, *_: Any) -> None:
        # A step within a step, as of a class whose step calls its parent's, is scaled once.
        remembered, self._before = self._before, []
        for (weight, rows, rate), before in zip(self.rates, remembered, strict=False):
            if rate == 0.0:
                weight[rows] = before
            else:
                weight[rows] = torch.lerp(before, weight[rows], rate)
