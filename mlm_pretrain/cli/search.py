"""`mlm-pretrain search`: the settings that suit a labelled task, tried on its validation file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlm_pretrain.cli.finetune import command_of, settings_of
from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table

_SHOWN = 5  # trials in the table; all are in search.json


def search(
    task: Annotated[str, typer.Argument(help="sentiment, ner, qa … as `finetune` has it.")],
    config: Annotated[
        str | None,
        typer.Option(help="YAML file of settings, as `finetune` takes it; the flags go before it."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any setting of `finetune` as key=value, for all trials; it is not searched then, "
            "unless --space says so. Repeatable.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model folder or Hub name.")] = None,
    train: Annotated[
        str | None, typer.Option(help="Training file, as `finetune` reads it.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Validation file: it judges the trials.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(help="Test file: no trial sees it; winners alone are scored on it."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(help="Folder for trials, search.json and, in model/, the winner."),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="How many to run, the first with the settings as they are.")
    ] = 20,
    minutes: Annotated[
        float | None, typer.Option(help="No trial begins after so many minutes of trials.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="YAML file of what to try, such as `batch_size: [8, 16]` and `learning_rate: {low: "
            "1e-5, high: 1e-3, log: true}` [rate a fifth to five times of the usual one, half to "
            "twice the epochs, batch size, warm-up, weight decay, dropout, layer decay]."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each trial; their mean is its score.")
    ] = 1,
    labels: Annotated[
        int | None, typer.Option(help="Train on N examples (classes in their shares) [all].")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the runs, and of what is tried [0].")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Search for settings of a fine-tuning on the validation file, and train with the best once more.

    The first trial is a fine-tuning without a search; the next ones are chosen by what came out so far
    (optuna's TPE), and those below the median of others are ended early. Stopped at any time, the same
    command goes on; with more --trials it goes further.
    """
    flags = {
        "model": model, "train": train, "validation": validation, "test": test, "out": out,
        "labels": labels, "seed": seed,
    }  # fmt: skip
    settings = settings_of(config, set_ or [], flags)

    from mlm_pretrain.finetune import plan_search
    from mlm_pretrain.finetune import search as run

    if dry_run:
        facts = plan_search(task, settings, space=space, trials=trials, seeds=seeds)
        finish(facts, json, _plan_lines(facts))
        return
    result = run(
        task,
        settings,
        space=space,
        trials=trials,
        minutes=minutes,
        seeds=seeds,
        overwrite=overwrite,
    )
    finish(result, json, _lines(result), _next(result))


def _plan_lines(facts: dict[str, Any]) -> list[str]:
    return [
        f"{facts['trials']} trials of {facts['seeds']} runs, {facts['done']} done already: "
        f"{facts['out']}",
        "space:",
        *[f"  {name}: {values}" for name, values in facts["space"].items()],
        "first trial:",
        *[f"  {name}: {value}" for name, value in facts["first"].items()],
    ]


def _lines(result: dict[str, Any]) -> list[str]:
    default, best = result["default"], result["best"]
    complete = [trial for trial in result["trials"] if trial["state"] == "complete"]
    ranked = sorted(complete, key=lambda trial: (-trial["score"], trial["number"]))[:_SHOWN]
    shown = ranked if default in ranked or default not in complete else [*ranked, default]
    names = list(result["space"])
    states = [trial["state"] for trial in result["trials"]]
    return [
        f"{len(states)} trials in {result['seconds']:.0f} s: {states.count('complete')} complete, "
        f"{states.count('pruned')} ended early, {states.count('failed')} failed",
        *table(["trial", f"{result['metric']} of validation (%)", *names],
               [_row(trial, names) for trial in shown]),
        f"without a search {_percent(default['score'])}, best {_percent(best['score'])} "
        f"(trial {best['number']:03d})",
        *_importance(result["importance"]),
        *[_scores(split, scores, result) for split, scores in result["winner"]["metrics"].items()],
        result["caution"],
        f"written: {result['out']}/search.json, {result['winner']['out']}",
    ]  # fmt: skip


def _row(trial: dict[str, Any], names: list[str]) -> list[str]:
    values = [_value(trial["values"], name) for name in names]
    return [f"{trial['number']:03d}", f"{100 * trial['score']:.1f}", *values]


def _value(values: dict[str, Any], name: str) -> str:
    """A place in the space; of a dropout of None, the model's own."""
    if name not in values:
        return "outside"
    value = values[name]
    return "own" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _percent(score: float | None) -> str:
    return "failed" if score is None else f"{100 * score:.1f}"


def _importance(shares: dict[str, float] | None) -> list[str]:
    if shares is None:
        return []
    named = ", ".join(f"{name} {100 * share:.0f}" for name, share in shares.items())
    return [f"share of the differences between trials (%), roughly: {named}"]


def _scores(split: str, scores: dict[str, Any], result: dict[str, Any]) -> str:
    numbers = [
        f"{name} {value:.3f}" if name == "loss" else f"{name} {100 * value:.1f}"
        for name, value in scores.items()
        if isinstance(value, float)
    ]
    return f"winner on {split}: {', '.join(numbers)}"


def _next(result: dict[str, Any]) -> str:
    """The winner by itself."""
    from mlm_pretrain.finetune.config import FinetuneConfig

    winner = FinetuneConfig(**result["winner"]["config"])
    return command_of(result["task"], winner, result["out"].rstrip("/") + "-winner")
