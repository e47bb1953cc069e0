"""Who looks on while a run trains: the clock, signals, the log, validation and probes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.training.assembling import Materials
from mlm_pretrain.training.callbacks.clock import ClockCallback
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
        named = {"probes": self.probing}
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
        return self.probing is not None and self.probing.standing.has_stopped

    def result(self) -> dict[str, Any]:
        """What the run says of what they saw."""
        return {name: watcher.result() for name, watcher in self._remembering.items()}


def watchers_of(materials: Materials) -> Watchers:
    """Those that the settings ask for."""
    config, suite = materials.config.probes, materials.probes
    if config is None or suite is None:
        return Watchers(materials)
    score = partial(suite.score, materials.model)
    return Watchers(materials, ProbingCallback(config, score, materials.budget))
