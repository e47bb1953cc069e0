"""What several objectives train beside one model: the heads of each, by its name, and learned weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mlm_pretrain.objectives.together.config import TogetherConfig
from mlm_pretrain.objectives.vocabulary import Vocabulary


class TogetherHeads(torch.nn.ModuleDict):
    """The heads of the parts that have any.

    Attributes:
        balanced: names of the parts whose weights are learnt.
        log_variance_P: s of each of these (see `objective`); None without any.
    """

    log_variance_P: torch.nn.Parameter | None

    def __init__(
        self, heads: Mapping[str, torch.nn.Module], balanced: tuple[str, ...] = ()
    ) -> None:
        super().__init__(heads)
        self.balanced = balanced
        start = torch.nn.Parameter(torch.zeros(len(balanced))) if balanced else None
        self.register_parameter("log_variance_P", start)

    def end_step(self, model: Any) -> None:
        """Tell the parts' heads that a step has ended, those that remember steps."""
        for heads in self.values():
            if hasattr(heads, "end_step"):
                heads.end_step(model)

    @property
    def health(self) -> dict[str, float]:
        """What the parts' heads say of themselves, and the learned weights."""
        found: dict[str, float] = {}
        for name, heads in self.items():
            own = getattr(heads, "health", {})
            found |= {f"{name}/{figure}": number for figure, number in own.items()}
        if self.log_variance_P is not None:
            learned = torch.exp(-self.log_variance_P.detach()).tolist()
            pairs = zip(self.balanced, learned, strict=True)
            found |= {f"{name}/learned_weight": weight for name, weight in pairs}
        return found


def build_heads(model: Any, vocabulary: Vocabulary, config: TogetherConfig) -> TogetherHeads:
    """The heads of all parts, drawn one after the other."""
    heads = {
        member.name: member.objective.heads(model, vocabulary, member.config)
        for member in config.members
        if member.objective.heads is not None
    }
    names = tuple(member.name for member in config.members)
    return TogetherHeads(heads, names if config.balance == "uncertainty" else ())
