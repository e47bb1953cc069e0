"""Muon for the hidden matrices, AdamW for everything else, as one optimiser.

Source: Jordan et al. 2024, "Muon"; the update's size follows Liu et al. 2025, "Muon is scalable for
LLM training": scaled to the root mean square of an AdamW update, so one learning rate serves both.

The orthogonalisation runs in the matrix's own precision: torch.optim.Muon's always uses bf16, which a
processor without such instructions emulates at a fraction of its fp32 speed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

# Quintic iteration whose fixed points push every singular value towards 1 (Jordan et al. 2024).
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5
_ADAMW_RMS = 0.2


def orthogonalize(updates_NRC: torch.Tensor) -> torch.Tensor:
    """Replace each of N matrices (R × C) by its nearest semi-orthogonal one, approximately."""
    a, b, c = _NEWTON_SCHULZ
    tall = updates_NRC.shape[-2] > updates_NRC.shape[-1]
    x = updates_NRC.mT if tall else updates_NRC
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class MuonAdamW(torch.optim.AdamW):
    """AdamW, except for parameter groups with `blocks` ≥ 1, which Muon updates.

    Args:
        groups: dicts with `params`, `weight_decay` and `blocks`: 0 for AdamW; n ≥ 1 for Muon on n
            equal blocks of rows, so that fused query-key-value matrices are orthogonalised apart.
        lr: shared learning rate, in AdamW's units.
        betas: AdamW's.
        momentum: Muon's, Nesterov.

    After `step`, gradients of Muon's parameters are None, as after `zero_grad`.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.98),
        momentum: float = 0.95,
    ) -> None:
        self.momentum = momentum
        super().__init__(list(groups), lr=lr, betas=betas, weight_decay=0.0, fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            if group.get("blocks"):
                parameters = [p for p in group["params"] if p.grad is not None]
                self._muon(parameters, group)
                for parameter in parameters:
                    parameter.grad = None
        return super().step(closure)

    def _muon(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
        for parameter in parameters:
            by_shape[parameter.shape].append(parameter)
        for shape, same in by_shape.items():
            directions = torch.stack([self._nesterov(p) for p in same])
            blocks = directions.view(-1, shape[0] // group["blocks"], shape[1])
            update = orthogonalize(blocks)
            scale = _ADAMW_RMS * max(update.shape[-2:]) ** 0.5
            for parameter, part in zip(same, update.reshape(-1, *shape), strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(part, alpha=-group["lr"] * scale)

    def _nesterov(self, parameter: torch.Tensor) -> torch.Tensor:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if not state:  # "step" is what AdamW looks for when it loads a state
            state["step"], state["momentum"] = torch.zeros(()), torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - self.momentum)
        return gradient.lerp(state["momentum"], self.momentum)
