"""Factors that make the gradients of all parts alike (Chen et al. 2018, GradNorm, reduced to its core).

Formula: f_p = P · (1 / Ḡ_p) / Σ_q (1 / Ḡ_q), with Ḡ_p the exponential mean over the steps so far of
    G_p = ‖Σ_t (∂L_p / ∂h_t) h_tᵀ‖ over all tokens t of a whole step, h_t being their last hidden states.
Where it is measured: G_p is the norm of the gradient of a matrix behind the encoder that all parts share,
    h' = M h, where M is the identity. GradNorm takes the last layer's weights; these are called otherwise in
    every architecture, and hooks do not reach them where layers are compiled or computed again. The gradient
    of the hidden states themselves would not do: it is the smaller the more tokens a mean is taken over,
    while that of weights, which add up over the tokens, is not.
Relations: GradNorm learns its factors, and lets parts that lag behind have larger gradients. Here they are
    computed, and all parts count alike, also one that has nothing left to learn.

P: parts. H: hidden width. T: tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist

from mlm_pretrain.environment import is_in_a_group

_KEPT = 0.95  # of the mean, when a step's norm is added to it


class GradientBalance(torch.nn.Module):
    """The parts' mean gradient norms, measured in the backward passes that are made anyway.

    Args:
        parts: how many there are.
        hidden: width of the last hidden states.

    Attributes:
        norms_P: the sum of the norms that were measured, each with its weight in an exponential mean.
        weights_P: the sum of these weights: of the first steps the mean is nearly a plain one. 0 for a part
            that has not been measured yet.
    """

    norms_P: torch.Tensor
    weights_P: torch.Tensor

    def __init__(self, parts: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("norms_P", torch.zeros(parts))
        self.register_buffer("weights_P", torch.zeros(parts))
        self._shape = (parts, hidden, hidden)
        self._sums_PHH: torch.Tensor | None = None  # of this step, on this process
        self.register_load_state_dict_post_hook(_forget)

    @property
    def factors(self) -> torch.Tensor:
        """What each part's gradient is multiplied by (P); 1 as long as it has not been measured."""
        is_known_P = self.weights_P > 0
        inverse_P = torch.where(is_known_P, self.weights_P / self.norms_P, 0.0)
        # Those that are known add up to their number, and so do all.
        scale = is_known_P.sum() / inverse_P.sum()
        return torch.where(is_known_P, inverse_P * scale, 1.0)

    @contextmanager
    def watching(
        self, number: int, encoder: torch.nn.Module
    ) -> Iterator[Callable[[torch.Tensor], None]]:
        """Inside, what `encoder` gives is read by the part of this number alone.

        Its loss is to be handed to the function that this gives. When the gradient then comes back through
        both, what the loss was multiplied by on the way, such as its weight, is divided out again.
        """
        upstream: list[torch.Tensor] = []

        def watch_states(_module: Any, _arguments: Any, output: Any) -> None:
            states = output[0]
            if states.requires_grad:
                states.register_hook(partial(self._add, number, states.detach(), upstream))

        def watch_loss(loss: torch.Tensor) -> None:
            if loss.requires_grad:
                loss.register_hook(upstream.append)

        handle = encoder.register_forward_hook(watch_states)
        try:
            yield watch_loss
        finally:
            handle.remove()

    def _add(
        self,
        number: int,
        states: torch.Tensor,
        upstream: list[torch.Tensor],
        gradient: torch.Tensor,
    ) -> None:
        """A micro-batch's share of the gradient of M; not a number where the loss had a weight of 0."""
        if self._sums_PHH is None:
            self._sums_PHH = torch.zeros(self._shape, device=gradient.device)
        gradient_TH, states_TH = (part.flatten(0, -2).float() for part in (gradient, states))
        self._sums_PHH[number] += gradient_TH.T @ states_TH / upstream[0].float()

    @torch.no_grad()
    def end_step(self, _model: Any) -> None:
        """Once after each optimiser step, on all processes, before a checkpoint is written.

        A part that had no rows in it, or no weight, keeps its mean.
        """
        sums_PHH = self._sums_PHH
        if sums_PHH is None:  # of a step that was skipped; the others may wait for it all the same
            sums_PHH = torch.zeros(self._shape, device=self.norms_P.device)
        new_P = _over_processes(sums_PHH).flatten(1).norm(dim=1)
        is_measured_P = new_P.isfinite() & (new_P > 0)
        pairs = ((self.norms_P, new_P), (self.weights_P, torch.ones_like(new_P)))
        for mean_P, one_P in pairs:
            mean_P.copy_(torch.where(is_measured_P, mean_P.lerp(one_P, 1 - _KEPT), mean_P))
        self.forget()

    def forget(self) -> None:
        """What a step left behind that did not end."""
        self._sums_PHH = None


def _over_processes(sums: torch.Tensor) -> torch.Tensor:
    if is_in_a_group():
        dist.all_reduce(sums)
    return sums


def _forget(module: Any, _keys: Any) -> None:
    module.forget()
