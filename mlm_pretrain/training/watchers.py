"""Who looks on while a run trains: the clock, signals, the log, validation, probes and the guard."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.training.assembling import Materials
from mlm_pretrain.training.callbacks.clock import ClockCallback
from mlm_pretrain.training.callbacks.forgetting import ForgettingCallback
from mlm_pretrain.training.callbacks.interruption import InterruptionCallback
from mlm_pretrain.training.callbacks.probing import ProbingCallback
from mlm_pretrain.training.callbacks.report import ReportCallback
from mlm_pretrain.training.callbacks.validation import ValidationCallback
from mlm_pretrain.training.run_folder import progress_facts
from mlm_pretrain.training.validating import has_validation, validate


class Watchers(NamedTuple):
    """Those that have something to remember, where the run has them; `materials` are what they look at."""

    materials: Materials
    probing: ProbingCallback | None = None
    guarding: ForgettingCallback | None = None

    def callbacks(self, interruption: InterruptionCallback) -> list[Any]:
        """All of them, in the order in which they look at a step."""
        config, budget = self.materials.config, self.materials.budget
        found: list[Any] = [
            ClockCallback(budget, config.checkpoint_minutes),
            interruption,
            ReportCallback(budget, Path(config.out), config.name),
        ]
        if config.validate_every and has_validation(self.materials):
            found.append(
                ValidationCallback(config.validate_every, partial(validate, self.materials))
            )
        return [*found, *self._remembering.values()]

    @property
    def _remembering(self) -> dict[str, Any]:
        named = {"probes": self.probing, "forgetting": self.guarding}
        return {name: watcher for name, watcher in named.items() if watcher is not None}

    def facts(self) -> dict[str, Any]:
        """What a checkpoint remembers of the run beyond its training."""
        found = progress_facts(Path(self.materials.config.out), self.materials.budget)
        return found | {name: watcher.facts() for name, watcher in self._remembering.items()}

    def restore(self, counts: dict[str, Any]) -> None:
        """As a checkpoint's counts have it."""
        for name, watcher in self._remembering.items():
            watcher.restore(counts.get(name, {}))

    @property
    def has_stopped(self) -> bool:
        """Whether one of them has ended the run."""
        by_probes = self.probing is not None and self.probing.standing.has_stopped
        return by_probes or (self.guarding is not None and self.guarding.ledger.has_stopped)

    @property
    def chosen_step(self) -> int | None:
        """The step whose weights the run shall end with, 0 for those it began with; None leaves the last."""
        if self.guarding is not None and self.guarding.ledger.has_stopped:
            return self.guarding.ledger.kept_step
        best = self.probing.standing.best_step if self.probing is not None else 0
        return best or None


def watchers_of(materials: Materials) -> Watchers:
    """Those that the settings ask for."""
    config, suite, probing, guarding = materials.config, materials.probes, None, None
    if config.probes is not None and suite is not None:
        score = partial(suite.score, materials.model)
        probing = ProbingCallback(config.probes, score, materials.budget)
    if config.guard is not None and materials.guard is not None:
        guarding = ForgettingCallback(
            config.guard, materials.guard, materials.model, materials.budget, materials.learner,
            materials.replay,
        )  # fmt: skip
    return Watchers(materials, probing, guarding)
