"""What several objectives train beside one model: the heads of each, by its name, and their balance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from mlm_pretrain.objectives.together.config import Balance, TogetherConfig
from mlm_pretrain.objectives.together.gradients import GradientBalance
from mlm_pretrain.objectives.vocabulary import Vocabulary


class TogetherHeads(torch.nn.ModuleDict):
    """The heads of the parts that have any, and what balances the parts.

    Args:
        heads: of the parts, by name.
        parts: names of all parts, where they are balanced.
        balance: how.
        hidden: width of the model's last hidden states.

    Attributes:
        log_variance_P: s of each part (see `objective`); None unless it is learnt.
        gradients: their norms, which stand among the heads; None unless the parts are balanced by them.
    """

    log_variance_P: torch.nn.Parameter | None
    gradients: GradientBalance | None

    def __init__(
        self,
        heads: Mapping[str, torch.nn.Module],
        parts: Sequence[str] = (),
        balance: Balance = "none",
        hidden: int = 0,
    ) -> None:
        super().__init__(heads)
        self.parts = tuple(parts)
        is_learnt = balance == "uncertainty"
        start = torch.nn.Parameter(torch.zeros(len(self.parts))) if is_learnt else None
        self.register_parameter("log_variance_P", start)
        is_measured = balance == "gradient"
        self.gradients = GradientBalance(len(self.parts), hidden) if is_measured else None

    def watching(
        self, number: int, encoder: torch.nn.Module
    ) -> AbstractContextManager[Callable[[torch.Tensor], None]]:
        """See `GradientBalance.watching`; where gradients are not balanced nothing is done."""
        if self.gradients is None:
            return nullcontext(_pass_over)
        return self.gradients.watching(number, encoder)

    def balanced(self, number: int, loss: torch.Tensor, share: float) -> torch.Tensor:
        """A part's loss of a batch, times its factor; where that is learnt, at its price.

        Where it is measured the gradient alone has the factor: a loss whose factors change from step to step
        by more than it does could not be compared, and what looks for spikes would find them.

        Args:
            share: of the part's rows in the step, those that the batch has.
        """
        if self.gradients is not None:
            value = loss.detach()
            return value + self.gradients.factors[number] * (loss - value)
        if self.log_variance_P is not None:
            s = self.log_variance_P[number]
            return (-s).exp() * loss + share * s
        return loss

    @property
    def factors(self) -> torch.Tensor | None:
        """What each part's gradient is multiplied by (P), without one itself; None where nothing is."""
        if self.gradients is not None:
            return self.gradients.factors
        return None if self.log_variance_P is None else torch.exp(-self.log_variance_P.detach())

    def end_step(self, model: Any) -> None:
        """Tell the parts' heads that a step has ended, those that remember steps."""
        for heads in self.values():
            if hasattr(heads, "end_step"):
                heads.end_step(model)

    @property
    def health(self) -> dict[str, float]:
        """What the parts' heads say of themselves, and the parts' factors."""
        found: dict[str, float] = {}
        for name, heads in self.items():
            own = getattr(heads, "health", {})
            found |= {f"{name}/{figure}": number for figure, number in own.items()}
        if (factors_P := self.factors) is not None:
            pairs = zip(self.parts, factors_P.tolist(), strict=True)
            found |= {f"{name}/learned_weight": factor for name, factor in pairs}
        return found


def _pass_over(_loss: torch.Tensor) -> None:
    """Nothing is to be known of it."""


def build_heads(model: Any, vocabulary: Vocabulary, config: TogetherConfig) -> TogetherHeads:
    """The heads of all parts, drawn one after the other."""
    heads = {
        member.name: member.objective.heads(model, vocabulary, member.config)
        for member in config.members
        if member.objective.heads is not None
    }
    names = [member.name for member in config.members]
    return TogetherHeads(heads, names, config.balance, int(model.base_model.config.hidden_size))
