"""Looks at the loss of every step before its update is made, and stops a run that diverges."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any

import torch
from transformers import TrainerCallback

from mlm_pretrain.environment import is_in_a_group
from mlm_pretrain.errors import InputError

SPIKE_NATS = 2.0  # a perplexity seven times that of before
# Losses that a new one is compared with, and how many of them it takes.
_REMEMBERED, _ENOUGH = 100, 20
# A loss is a mean over a step's tokens, and varies with them: so many standard deviations are no accident.
_DEVIATIONS = 8.0
_MAD_TO_DEVIATION = 1.4826  # for normally distributed values


class LossSpike(InputError):
    """The loss of `step` is not a number, or far above those before. The weights are those before it."""

    def __init__(self, step: int, what: str, value: float, way_out: str) -> None:
        super().__init__(f"step {step}: the {what}", way_out)
        self.step, self.value = step, value


class LossWatch(TrainerCallback):
    """Adds up what `add` is given within a step, and raises `LossSpike` before a bad update.

    Args:
        spike_nats: how far above the median of the last 100 steps a loss may lie; steps of few tokens, whose
            losses vary more, may be 8 standard deviations above it. Infinity looks for no spikes.
        mean_over_processes: averages a number over the processes of a run.
        way_out: what to do about it, asked when it happens.

    Attributes:
        skipped: steps that are passed over: their batches are read and not learnt from.
    """

    def __init__(self, spike_nats: float, mean_over_processes: Any, way_out: Any) -> None:
        self.spike_nats = spike_nats
        self.skipped: set[int] = set()
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._mean_over_processes, self._way_out = mean_over_processes, way_out
        self._total: torch.Tensor | None = None

    def add(self, step: int, loss: torch.Tensor) -> None:
        """One micro-batch's part of the loss of `step`.

        Of several processes none may end a step by itself, while the others wait for its gradients: they look
        at the whole step's loss together.
        """
        if not is_in_a_group():
            self.require_finite(step, "loss", loss)
        self._total = loss.detach() if self._total is None else self._total + loss.detach()

    def require_finite(self, step: int, name: str, value: torch.Tensor) -> None:
        """Raise `LossSpike` for a value that is not a number."""
        if not torch.isfinite(value):
            found = value.item()
            raise LossSpike(step, f"{name} is {found}", found, self._way_out())

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._total is None:  # a step that is skipped
            return
        loss, step = self._mean_over_processes(self._total), state.global_step + 1
        self._total = None
        self.require_finite(step, "loss", torch.tensor(loss))
        limit = self.limit
        if loss > limit:
            usual = statistics.median(self._recent)
            what = f"loss is {loss:.3f}, after {usual:.3f} in the steps before (limit {limit:.3f})"
            way_out = f"{self._way_out()}; or raise spike_nats ({self.spike_nats})"
            raise LossSpike(step, what, loss, way_out)
        self._recent.append(loss)

    @property
    def limit(self) -> float:
        """The highest loss that is still taken for chance."""
        if len(self._recent) < _ENOUGH:
            return float("inf")
        middle = statistics.median(self._recent)
        spread = statistics.median(abs(loss - middle) for loss in self._recent)
        return middle + max(self.spike_nats, _DEVIATIONS * _MAD_TO_DEVIATION * spread)

    def facts(self) -> dict[str, Any]:
        """What a resumed run must know to judge as this one would."""
        return {"recent_losses": list(self._recent), "skipped_steps": sorted(self.skipped)}

    def restore(self, facts: dict[str, Any]) -> None:
        """Take over what `facts` gave; steps to be skipped from now on stay."""
        self._total = None
        self._recent = deque(facts.get("recent_losses", ()), maxlen=_REMEMBERED)
        self.skipped |= set(facts.get("skipped_steps", ()))
