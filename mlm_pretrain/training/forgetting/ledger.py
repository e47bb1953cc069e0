"""What was measured of a run and done about it, and whether its general loss is within the bound."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.forgetting.measure import DOMAIN, GENERAL


class Ledger:
    """The measurements of a run, and what they are compared with: the first one, or the lowest so far.

    Args:
        from_lowest: whether that is the lowest.

    Attributes:
        measures: of each its step, the loss of each text, and by how much the general one has risen, as a
            share of what it is compared with, at `against_step`.
        actions: of each its step and what was done.
        kept_step: the last one within the bound.
        has_stopped: whether the run was ended for it.
        seconds: that measuring took.
        across: bits for each byte, comparable between tokenizers (see `words`).
    """

    def __init__(self, config: GuardConfig, from_lowest: bool = False) -> None:
        self.config, self.from_lowest = config, from_lowest
        self.measures: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.kept_step, self.has_stopped, self.seconds = 0, False, 0.0
        self.across: dict[str, dict[str, float]] = {}

    @property
    def first(self) -> dict[str, Any] | None:
        return self.measures[0] if self.measures else None

    def note(self, step: int, losses: dict[str, float], seconds: float) -> dict[str, Any]:
        """One measurement, as it is kept."""
        against, reference = self._reference(step, losses[GENERAL])
        rise = losses[GENERAL] / reference - 1.0
        self.measures.append({"step": step, **losses, "rise": rise, "against_step": against})
        self.seconds += seconds
        if rise <= self.config.tolerance:
            self.kept_step = step
        return self.measures[-1]

    def _reference(self, step: int, loss: float) -> tuple[int, float]:
        """(step, general loss) of what the newest one is compared with: itself where there is no other."""
        known = [(int(found["step"]), float(found[GENERAL])) for found in self.measures]
        known.append((step, loss))
        return min(known, key=lambda one: one[1]) if self.from_lowest else known[0]

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
