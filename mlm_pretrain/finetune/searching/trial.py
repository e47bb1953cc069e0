"""One trial of a search: fine-tunings with its settings, ended early where they are hopeless."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import DiskFull, InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.run import finetune
from mlm_pretrain.finetune.searching.records import Trial, folder_of
from mlm_pretrain.finetune.searching.sampling import TENTHS, Proposal
from mlm_pretrain.finetune.searching.setup import Setup
from mlm_pretrain.finetune.searching.space import default_values


def run_trial(made: Setup, number: int, proposal: Proposal | None) -> Trial:
    """One trial; what an earlier attempt left of it goes."""
    folder = folder_of(made.out, number)
    if folder.exists():
        shutil.rmtree(folder)
    settings = (proposal.values if proposal else None) or {}
    values = settings or default_values(made.space, made.config, made.facts)
    watch = _Watch(made, settings, proposal)
    scores: list[float] = []
    started = time.perf_counter()
    outcome: dict[str, Any]
    try:
        for seed in range(made.config.seed, made.config.seed + made.seeds):
            config = _trial_config(made, settings, seed, folder)
            result = finetune(made.kind, config, on_epoch=watch if not scores else None)
            scores.append(float(result["metrics"]["validation"][made.metric]))
        outcome = {"state": "complete", "score": sum(scores) / len(scores)}
    except _Hopeless as end:
        outcome = {"state": "pruned", "reason": str(end)}
    except DiskFull:
        raise
    except InputError as error:
        made.check_unchanged()  # else it is not the settings' fault
        outcome = {"state": "failed", "reason": error.problem}
    if outcome["state"] != "complete":
        _let_go()
    seconds = round(time.perf_counter() - started, 2)
    return Trial(
        number, settings, values, **outcome, scores=scores, reports=watch.reports, seconds=seconds
    )


def _let_go() -> None:
    """Of the model of a trial that did not come to its end."""
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)


def _trial_config(made: Setup, settings: dict[str, Any], seed: int, folder: Path) -> FinetuneConfig:
    own = {"seed": seed, "out": str(folder / f"seed-{seed}"), "save_model": False, "test": None}
    # Not validated again: a source with a test side of its own would fill it in.
    return made.config_of(settings).model_copy(update=own)


class _Hopeless(Exception):
    """Ends a trial that is not worth its time."""


@dataclass
class _Watch:
    """Notes a trial's best score at each tenth of its training, and ends it where it is hopeless."""

    made: Setup
    settings: dict[str, Any]
    proposal: Proposal | None
    best: float = float("-inf")
    reports: dict[int, float] = field(default_factory=dict)

    def __call__(self, scores: dict[str, Any]) -> None:
        tenth = int(TENTHS * self._share(scores) + 1e-6)
        self.best = max(self.best, float(scores[self.made.metric]))
        if not 0 < tenth < TENTHS or tenth in self.reports:
            return
        self.reports[tenth] = self.best
        if self.proposal is not None and self.proposal.is_hopeless(tenth, self.best):
            raise _Hopeless(
                f"{self.best:.4f} after {tenth} tenths, below the median of other trials"
            )

    def _share(self, scores: dict[str, Any]) -> float:
        config = self.made.config_of(self.settings)
        if config.steps is not None:
            return float(scores["step"]) / config.steps
        return float(scores["epoch"]) / (config.epochs or self.made.facts["epochs"])
