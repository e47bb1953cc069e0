"""Which settings to try next, and whether to go on with a trial, by optuna.

The next settings are a function of the space, the seed, the trial's number and the trials before it: a
study is made anew for each trial. So a search that was interrupted goes on as if it had not been, and
nothing but the trials' own records has to be kept.

Tree-structured Parzen estimator: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
Importance: Hutter et al. 2014, "An Efficient Approach for Assessing Hyperparameter Importance" (fANOVA).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.searching.records import Trial
from mlm_pretrain.finetune.searching.space import Choices, Range, Space

STARTUP_TRIALS = 5  # drawn at random, before there is something to learn from
TENTHS = 10  # trials are compared after tenths of their training, however many epochs that is
_NEVER_BEFORE_TENTH = 3
_COMPARED_TRIALS = 3  # that came as far, before one is ended
IMPORTANCE_TRIALS = 10
_DRAWS = 200  # before a space counts as exhausted
_DIGITS = 4  # of a number that is tried, so that a command can be read


def library() -> Any:
    """optuna.

    Raises:
        InputError: when it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise InputError(
            "search needs the library optuna, which is not installed",
            "pip install 'mlm-pretrain[search]'",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Proposal:
    """The settings of a trial, and the judge of whether it goes on.

    `values` have not been tried before; they are None when nothing else is left to try.
    """

    def __init__(self, space: Space, before: Sequence[Trial], seed: int, number: int) -> None:
        study = _study(space, before, seed, number)
        tried = [trial.values for trial in before]
        self.values: dict[str, Any] | None = None
        for attempt in range(_DRAWS):
            if attempt:  # the estimator would go on to propose what was tried
                study.sampler = library().samplers.RandomSampler(_chance(seed, number, attempt))
            self._trial = study.ask(_distributions(space))
            drawn = {name: _short(space[name], v) for name, v in self._trial.params.items()}
            if drawn not in tried:
                self.values = drawn
                break

    def is_hopeless(self, tenth: int, score: float) -> bool:
        """Whether the best score up to here is below the median of other trials at the same tenth."""
        self._trial.report(score, tenth)
        return bool(self._trial.should_prune())


def importance(space: Space, trials: Sequence[Trial]) -> dict[str, float] | None:
    """Share of the scores' variance that each setting explains, largest first; None for few trials.

    Trials that were ended early or failed, or lie outside the space as the first may, are not counted.
    """
    whole = [t for t in trials if t.state == "complete" and t.values.keys() == space.keys()]
    if len(whole) < IMPORTANCE_TRIALS or len({trial.score for trial in whole}) == 1:
        return None
    evaluator = library().importance.FanovaImportanceEvaluator(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = _study(space, whole, 0, 0)
        found = library().importance.get_param_importances(study, evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in found.items()}


def _study(space: Space, before: Sequence[Trial], seed: int, number: int) -> Any:
    optuna = library()
    tpe = optuna.samplers.TPESampler(n_startup_trials=STARTUP_TRIALS, seed=_chance(seed, number))
    study = optuna.create_study(
        direction="maximize",
        sampler=tpe,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=STARTUP_TRIALS, n_warmup_steps=_NEVER_BEFORE_TENTH,
            n_min_trials=_COMPARED_TRIALS,
        ),
    )  # fmt: skip
    for trial in before:
        study.add_trial(_frozen(trial, _distributions(space)))
    return study


def _chance(seed: int, *numbers: int) -> int:
    """A random state of its own for each trial: one for all would have to be kept."""
    return int(np.random.SeedSequence([seed % 2**32, *numbers]).generate_state(1)[0])


def _frozen(trial: Trial, distributions: dict[str, Any]) -> Any:
    optuna = library()
    states = optuna.trial.TrialState
    state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
    return optuna.trial.create_trial(
        state=state[trial.state], value=trial.score if trial.state == "complete" else None,
        params=trial.values, distributions={name: distributions[name] for name in trial.values},
        intermediate_values=trial.reports,
    )  # fmt: skip


def _distributions(space: Space) -> dict[str, Any]:
    return {name: _distribution(part) for name, part in space.items()}


def _distribution(part: Range | Choices) -> Any:
    kinds = library().distributions
    if isinstance(part, Choices):
        return kinds.CategoricalDistribution(part.values)
    is_whole = isinstance(part.low, int)
    kind = kinds.IntDistribution if is_whole else kinds.FloatDistribution
    return kind(part.low, part.high, log=part.log)


def _short(part: Range | Choices, value: Any) -> Any:
    """A number of few digits, within its range."""
    if isinstance(part, Choices) or isinstance(value, int):
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), part.low), part.high)
