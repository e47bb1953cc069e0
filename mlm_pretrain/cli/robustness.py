"""`mlm-pretrain robustness`: what a fine-tuned model loses on texts with typos or in one case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli.output import Json, finish, table


def robustness(
    task: Annotated[
        str, typer.Argument(help="What the model was fine-tuned for: sentiment, ner …")
    ],
    model: Annotated[str, typer.Argument(help="Folder written by `finetune`.")],
    data: Annotated[str, typer.Option(help="Labelled file, such as the run's test file.")],
    typos: Annotated[
        float, typer.Option(help="Share of the words of four letters or more that get a typo.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of the typos.")] = 0,
    train: Annotated[
        str | None, typer.Option(help="Where its training file lies now [where it was].")
    ] = None,
    out: Annotated[str | None, typer.Option(help="JSON file for the result [none].")] = None,
    json: Json = False,
) -> None:
    """Score a fine-tuned model on a file as it is, with typos, in one case and without punctuation.

    A typo swaps, drops, doubles or replaces a letter inside a word. Differences come with their 95 %
    interval over examples. Of tagged sentences each token changes by itself; of questions the context stays.
    """
    from mlm_pretrain.errors import InputError
    from mlm_pretrain.manifest import write_json

    if out is not None and not Path(out).parent.is_dir():
        raise InputError(f"{out}: no such folder", "choose another --out")

    from mlm_pretrain.finetune import robustness as run

    result = run(task, model, data, typos=typos, seed=seed, train=train)
    if out is not None:
        write_json(Path(out), result)
    finish(result, json, [*_lines(result), *([f"written: {out}"] if out else [])])


def _lines(result: dict[str, Any]) -> list[str]:
    metric = result["metric"]
    header = ["texts (%)", "changed", metric, "difference", "95 % interval"]
    rows = [["as they are", "–", f"{100 * result['clean'][metric]:.1f}", "–", "–"]]
    rows += [_row(name, found, metric) for name, found in result["perturbed"].items()]
    return [
        f"{result['model']} on {result['examples']} examples of {result['data']}; typos in "
        f"{100 * result['typos']:g} % of the words of four letters or more",
        *table(header, rows),
    ]


def _row(name: str, found: dict[str, Any], metric: str) -> list[str]:
    low, high = found["low"], found["high"]
    interval = "–" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    score, difference = 100 * found["scores"][metric], 100 * found["difference"]
    return [name, str(found["changed"]), f"{score:.1f}", f"{difference:+.1f}", interval]
