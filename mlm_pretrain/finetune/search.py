"""A search for the settings of a fine-tuning: trials judged on validation, and the winner trained once more.

The first trial has the settings as they are without a search, so what is found is never worse on
validation. The test file is checked at the beginning and scored at the end, by the winner alone: no trial
sees it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlm_pretrain.config import build_config
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.outputs import check_apart, check_running, marked
from mlm_pretrain.finetune.run import TASKS, finetune
from mlm_pretrain.finetune.run import plan as plan_finetune
from mlm_pretrain.finetune.search_sampling import TENTHS, Proposal, importance, library
from mlm_pretrain.finetune.search_space import (
    Space,
    default_space,
    default_values,
    described,
    parse_space,
    read_space,
)
from mlm_pretrain.finetune.search_trials import (
    Trial,
    begun_with,
    check_same,
    fingerprints,
    folder_of,
    open_folder,
    read_trials,
    write_trial,
)
from mlm_pretrain.finetune.search_winner import train_winner
from mlm_pretrain.hub import resolve_commit
from mlm_pretrain.manifest import versions, write_json
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.progress import say

RESULT = "search.json"
STAGE = "search"
_TRIAL_INPUTS = ("model", "train", "validation")
OPTIMISTIC = (
    "The best score on validation is too good to be expected of new data: it was chosen for being the "
    "highest of all trials. What the winner is worth, a test file says that no trial has seen."
)
SpaceLike = str | Path | Mapping[str, Any]


def search(
    kind: str,
    config: FinetuneConfig,
    *,
    space: SpaceLike | None = None,
    trials: int = 20,
    minutes: float | None = None,
    seeds: int = 1,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Try settings of `finetune` over those of `config`, and train with the best once more.

    Writes under `config.out`: trials/NNN with a record each, search.json, and in model/ the winner as
    `finetune` leaves it. The same call goes on where an earlier one was stopped, also with more trials;
    what was done is not done again.

    Args:
        kind: of task, as `finetune` calls it.
        space: a YAML file, or its content: lists of values, and ranges (`low`, `high`, `log`). None:
            the rules' choices and what lies around them, but for what `config` was given.
        minutes: no trial begins later than so many minutes of trials; the winner's training is not in it.
        seeds: runs of each trial, whose scores' mean is the trial's.

    Returns:
        `trials`, the `default` and the `best` among them, `gain` on validation, `importance` of settings
        (None below 10 trials), and the `winner` with its settings and its `metrics` a split.

    Raises:
        InputError: for settings, data or a folder that cannot be used, also where a search was begun
            there with others; when every trial failed.
    """
    _check(trials, minutes, seeds)
    made = _prepared(kind, config, space, seeds)
    check_apart(config.out, [config.model, config.train, config.validation, config.test])
    check_running(config.out)
    open_folder(made.out, made.plan, overwrite)
    with marked(made.out, STAGE), _telling_how_to_go_on(made.out):
        found = _run_all(made, trials, minutes)
        best = best_of(found)
        winner = train_winner(kind, made.config_of(best.settings), best, made.metric)
        result = _result(made, found, best, winner)
        write_json(made.out / RESULT, result)
    return result


def plan_search(
    kind: str,
    config: FinetuneConfig,
    *,
    space: SpaceLike | None = None,
    trials: int = 20,
    seeds: int = 1,
) -> dict[str, Any]:
    """What `search` would do, after its checks; trains and writes nothing."""
    _check(trials, None, seeds)
    made = _prepared(kind, config, space, seeds)
    begun = begun_with(made.out) is not None
    if begun:
        check_same(made.out, made.plan)
    return {
        "task": kind, "out": config.out, "space": described(made.space), "trials": trials,
        "seeds": seeds, "done": len(read_trials(made.out)) if begun else 0, "first": made.facts,
    }  # fmt: skip


@dataclass(frozen=True)
class _Search:
    """A search whose settings and data have been checked. `facts` are `plan`'s of the first trial."""

    kind: str
    config: FinetuneConfig
    space: Space
    facts: dict[str, Any]
    seeds: int
    plan: dict[str, Any]

    @property
    def out(self) -> Path:
        return Path(self.config.out)

    @property
    def metric(self) -> str:
        return str(self.facts["best_by"])

    def config_of(self, settings: dict[str, Any]) -> FinetuneConfig:
        """Those given, under `settings`.

        Raises:
            InputError: for settings that do not go together.
        """
        return build_config(FinetuneConfig, {**self.config.model_dump(), **settings}, "a trial")

    def check_unchanged(self) -> None:
        """Refuse to compare trials of other data, or of another model."""
        check_same(self.out, {**self.plan, "inputs": fingerprints(self.config, _TRIAL_INPUTS)})


def _check(trials: int, minutes: float | None, seeds: int) -> None:
    if process_count() > 1:
        raise InputError("search is work for one process", "start it without torchrun")
    if trials < 1 or seeds < 1:
        raise InputError(f"{trials} trials of {seeds} seeds: nothing to do", "give 1 or more")
    if minutes is not None and minutes <= 0:
        raise InputError(f"minutes: {minutes:g} leave no time", "give more, or leave it out")


def _prepared(kind: str, config: FinetuneConfig, space: SpaceLike | None, seeds: int) -> _Search:
    optuna = library()
    commit = resolve_commit(config.model, config.revision)
    config = config.model_copy(update={"revision": commit}) if commit else config
    facts = plan_finetune(kind, config)  # all checks, also of the test file
    writes = TASKS[kind].writes
    if space is None:
        parts = default_space(config, facts, writes=writes)
    elif isinstance(space, Mapping):
        parts = parse_space(space, config, "space", writes=writes)
    else:
        parts = read_space(space, config, writes=writes)
    shared = config.model_dump(mode="json", exclude={"out", "test", "save_model"})
    plan = {
        "task": kind, "settings": shared, "seeds": seeds, "space": described(parts),
        "inputs": fingerprints(config, _TRIAL_INPUTS),
        "precision": resolve_precision(config.precision),
        "versions": {**versions(), "optuna": optuna.__version__},
    }  # fmt: skip
    return _Search(kind, config, parts, facts, seeds, plan)


def _run_all(made: _Search, trials: int, minutes: float | None) -> list[Trial]:
    found = read_trials(made.out)
    if found:
        say(f"{made.out}: {len(found)} trials are done already")
    for number in range(trials):
        spent = sum(trial.seconds for trial in found.values())
        if minutes is not None and spent >= 60 * minutes:
            say(f"{spent / 60:.0f} minutes of trials: no more are begun")
            break
        if number not in found:
            made.check_unchanged()
            before = [found[earlier] for earlier in sorted(found) if earlier < number]
            found[number] = _run(made, number, before)
            write_trial(made.out, found[number])
            _tell(found, number, trials, made.metric)
    return [found[number] for number in sorted(found)]


def _run(made: _Search, number: int, before: Sequence[Trial]) -> Trial:
    """One trial; what an earlier attempt left of it goes."""
    folder = folder_of(made.out, number)
    if folder.exists():
        shutil.rmtree(folder)
    proposal = Proposal(made.space, before, made.config.seed, number) if number else None
    values = proposal.values if proposal else default_values(made.space, made.config, made.facts)
    settings = proposal.values if proposal else {}
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
    except InputError as error:
        made.check_unchanged()  # else it is not the settings' fault
        outcome = {"state": "failed", "reason": error.problem}
    seconds = round(time.perf_counter() - started, 2)
    return Trial(
        number, settings, values, **outcome, scores=scores, reports=watch.reports, seconds=seconds
    )


def _trial_config(
    made: _Search, settings: dict[str, Any], seed: int, folder: Path
) -> FinetuneConfig:
    own = {"seed": seed, "out": str(folder / f"seed-{seed}"), "save_model": False, "test": None}
    # Not validated again: a source with a test side of its own would fill it in.
    return made.config_of(settings).model_copy(update=own)


@contextmanager
def _telling_how_to_go_on(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"{out}: {len(read_trials(out))} trials are done; the same command goes on after them")
        raise


class _Hopeless(Exception):
    """Ends a trial that is not worth its time."""


@dataclass
class _Watch:
    """Notes a trial's best score at each tenth of its training, and ends it where it is hopeless."""

    made: _Search
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


def best_of(trials: Sequence[Trial]) -> Trial:
    """The complete trial with the highest score, the earliest of equal ones.

    Raises:
        InputError: when none is complete.
    """
    complete = [trial for trial in trials if trial.score is not None]
    if not complete:
        reason = f"; the first: {trials[0].reason}" if trials else ""
        raise InputError(
            f"no trial came to its end{reason}", "lower learning_rate, or set precision to fp32"
        )
    return max(complete, key=lambda trial: (trial.score, -trial.number))


def _tell(found: dict[int, Trial], number: int, trials: int, metric: str) -> None:
    trial, done = found[number], [found[n] for n in sorted(found)]
    outcome = trial.state if trial.score is None else f"{metric} {trial.score:.4f}"
    outcome += f" ({trial.reason})" if trial.reason else ""
    best = max((t.score for t in done if t.score is not None), default=None)
    so_far = "" if best is None else f", best {best:.4f}"
    left = (trials - len(done)) * sum(t.seconds for t in done) / len(done)
    still = f", about {left / 60:.1f} min left" if left else ""
    say(f"trial {number + 1} of {trials}: {outcome}{so_far}, {trial.seconds:.0f} s{still}")


def _result(
    made: _Search, found: Sequence[Trial], best: Trial, winner: dict[str, Any]
) -> dict[str, Any]:
    default = found[0]
    gain = None if default.score is None or best.score is None else best.score - default.score
    return {
        "task": made.kind, "model": made.config.model, "metric": made.metric, "out": made.config.out,
        "space": described(made.space), "seeds": made.seeds,
        "default": asdict(default), "best": asdict(best), "gain": gain, "caution": OPTIMISTIC,
        "winner": winner, "importance": importance(made.space, found),
        "trials": [asdict(trial) for trial in found],
        "seconds": round(sum(trial.seconds for trial in found), 1),
    }  # fmt: skip
