"""What was measured of a run and done about it, and whether its general loss is within the bound."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.forgetting.measure import DOMAIN, GENERAL


class Ledger:
    """The measurements of a run, the first one being what the others are compared with.

    Attributes:
        measures: of each its step, the loss of each text, and by how much of its first value the general one
            has risen.
        actions: of each its step and what was done.
        kept_step: the last one within the bound.
        has_stopped: whether the run was ended for it.
        seconds: that measuring took.
        across: bits for each byte, comparable between tokenizers (see `words`).
    """

    def __init__(self, config: GuardConfig) -> None:
        self.config = config
        self.measures: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.kept_step, self.has_stopped, self.seconds = 0, False, 0.0
        self.across: dict[str, dict[str, float]] = {}

    @property
    def first(self) -> dict[str, Any] | None:
        return self.measures[0] if self.measures else None

    def note(self, step: int, losses: dict[str, float], seconds: float) -> dict[str, Any]:
        """One measurement, as it is kept."""
        before = self.first[GENERAL] if self.first else losses[GENERAL]
        rise = losses[GENERAL] / before - 1.0
        self.measures.append({"step": step, **losses, "rise": rise})
        self.seconds += seconds
        if rise <= self.config.tolerance:
            self.kept_step = step
        return self.measures[-1]

    def is_within(self, measure: dict[str, Any]) -> bool:
        return bool(measure["rise"] <= self.config.tolerance)

    def act(self, step: int, action: str, **facts: Any) -> None:
        """Something was done about it."""
        self.actions.append({"step": step, "action": action, **facts})

    def has_acted(self, action: str) -> bool:
        return any(found["action"] == action for found in self.actions)

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "measures": self.measures, "actions": self.actions, "kept_step": self.kept_step,
            "has_stopped": self.has_stopped, "seconds": self.seconds, "across": self.across,
        }  # fmt: skip

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first measurement."""
        self.measures = [dict(found) for found in facts.get("measures", ())]
        self.actions = [dict(found) for found in facts.get("actions", ())]
        self.kept_step = int(facts.get("kept_step", 0))
        self.has_stopped = bool(facts.get("has_stopped", False))
        self.seconds = float(facts.get("seconds", 0.0))
        self.across = {name: dict(found) for name, found in facts.get("across", {}).items()}

    def result(self, step: int, elapsed_seconds: float) -> dict[str, Any]:
        """What the run says of it: the losses before and after, and all between.

        Args:
            step: whose weights the run ends with.
        """
        first = self.first or {}
        last: dict[str, Any] = next((m for m in self.measures[::-1] if m["step"] == step), {})
        ends = {"before": first, "after": last}
        losses = {
            f"{text}_{end}": found.get(text)
            for text in (GENERAL, DOMAIN)
            for end, found in ends.items()
            if text in first
        }
        return {
            **losses, "rise": last.get("rise"), "tolerance": self.config.tolerance,
            "before_step": first.get("step"), "measures": self.measures, "actions": self.actions,
            "seconds": round(self.seconds, 2),
            "share_of_time": round(self.seconds / max(elapsed_seconds, 1e-9), 4),
            **({"bits_per_byte": self.across} if self.across else {}),
        }  # fmt: skip
