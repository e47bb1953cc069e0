"""A search for the settings of a fine-tuning: trials judged on validation, and the winner trained once more.

The first trial has the settings as they are without a search, so what is found is never worse on
validation. The test file is checked at the beginning and scored at the end, by the winner alone: no trial
sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import telling_of_a_full_disk
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.outputs import check_apart, check_running, marked
from mlm_pretrain.finetune.searching.records import (
    Trial,
    begun_with,
    check_same,
    open_folder,
    read_trials,
    write_trial,
)
from mlm_pretrain.finetune.searching.sampling import Proposal, importance
from mlm_pretrain.finetune.searching.setup import Setup, SpaceLike, prepared
from mlm_pretrain.finetune.searching.space import described
from mlm_pretrain.finetune.searching.trial import run_trial
from mlm_pretrain.finetune.searching.winner import train_winner
from mlm_pretrain.manifest import write_json
from mlm_pretrain.progress import say

RESULT = "search.json"
STAGE = "search"
OPTIMISTIC = (
    "The best score on validation is too good to be expected of new data: it was chosen for being the "
    "highest of all trials. What the winner is worth, a test file says that no trial has seen."
)


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
    made = prepared(kind, config, space, seeds)
    check_apart(config.out, [config.model, config.train, config.validation, config.test])
    check_running(config.out)
    open_folder(made.out, made.plan, overwrite)
    way_out = "free some space; the same command, without --overwrite, goes on after the trials that are done"
    with (
        telling_of_a_full_disk(made.out, way_out),
        marked(made.out, STAGE),
        _telling_how_to_go_on(made.out, overwrite),
    ):
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
    made = prepared(kind, config, space, seeds)
    begun = begun_with(made.out) is not None
    if begun:
        check_same(made.out, made.plan)
    return {
        "task": kind, "out": config.out, "space": described(made.space), "trials": trials,
        "seeds": seeds, "done": len(read_trials(made.out)) if begun else 0, "first": made.facts,
    }  # fmt: skip


def _check(trials: int, minutes: float | None, seeds: int) -> None:
    if process_count() > 1:
        raise InputError("search is work for one process", "start it without torchrun")
    if trials < 1 or seeds < 1:
        raise InputError(f"{trials} trials of {seeds} seeds: nothing to do", "give 1 or more")
    if minutes is not None and minutes <= 0:
        raise InputError(f"minutes: {minutes:g} leave no time", "give more, or leave it out")


def _run_all(made: Setup, trials: int, minutes: float | None) -> list[Trial]:
    found = read_trials(made.out)
    if found:
        say(f"{made.out}: {len(found)} trials are done already")
    for number in range(trials):
        spent = sum(trial.seconds for trial in found.values())
        if number and minutes is not None and spent >= 60 * minutes:
            say(f"{spent / 60:.0f} minutes of trials: no more are begun")
            break
        if number not in found:
            made.check_unchanged()
            before = [found[earlier] for earlier in sorted(found) if earlier < number]
            proposal = Proposal(made.space, before, made.config.seed, number) if number else None
            if proposal is not None and proposal.values is None:
                say(f"all there is to try was tried in {number} trials")
                break
            found[number] = run_trial(made, number, proposal)
            write_trial(made.out, found[number])
            _tell(found, number, trials, made.metric)
    return [found[number] for number in sorted(found)]


@contextmanager
def _telling_how_to_go_on(out: Path, overwrite: bool) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        without = " without --overwrite" if overwrite else ""
        done = f"{len(read_trials(out))} trials are done"
        say(f"{out}: {done}; the same command{without} goes on after them")
        raise


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
    say(
        f"trial {number:03d} ({len(done)} of {trials}): {outcome}{so_far}, {trial.seconds:.0f} s{still}"
    )


def _result(
    made: Setup, found: Sequence[Trial], best: Trial, winner: dict[str, Any]
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
