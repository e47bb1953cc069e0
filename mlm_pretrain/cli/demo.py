"""`mlm-pretrain demo`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table


def demo(
    out: Annotated[str, typer.Option(help="Folder for everything the demo makes.")] = "demo",
    minutes: Annotated[float, typer.Option(help="Minutes of pretraining.", min=0.05)] = 2.0,
    labels: Annotated[int, typer.Option(help="Labelled examples a task.", min=32)] = 240,
    seed: Annotated[int, typer.Option(help="Of split, weights, order and masks.")] = 0,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Raw text to fine-tuned models in minutes, offline, on the documentation of installed packages.

    Trains a tokenizer, pretrains a small model, exports it, and fine-tunes three tasks from it and
    from random weights on the same labels.
    """
    from mlm_pretrain.cli.demo_story import DemoConfig, run_demo

    config = DemoConfig(out=out, minutes=minutes, labels=labels, seed=seed)
    if dry_run:
        facts = config.model_dump()
        finish(facts, as_json, table(["plan", "value"], [[k, str(v)] for k, v in facts.items()]))
        return
    result = run_demo(config, overwrite=overwrite)
    finish(
        result,
        as_json,
        _lines(result, out),
        f'mlm-pretrain fill --model {out}/model "the [MASK] of"',
    )


def _lines(result: dict[str, Any], out: str) -> list[str]:
    return ["", *_scores(result), "", *_guesses(result), "", *_places(result, out)]


def _scores(result: dict[str, Any]) -> list[str]:
    rows = [
        [row["name"], row["metric"], row["labels"], _points(row["random"]),
         _points(row["pretrained"]), f"{100 * row['gain']:+.1f}"]
        for row in result["tasks"]
    ]  # fmt: skip
    return table(["task", "metric", "labels", "random weights", "pretrained", "gain"], rows)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _guesses(result: dict[str, Any]) -> list[str]:
    rows = [[f["text"], ", ".join(f["before"]), ", ".join(f["after"])] for f in result["fills"]]
    return table(["fill the mask", "before pretraining", "after"], rows)


def _places(result: dict[str, Any], out: str) -> list[str]:
    run = result["pretrain"]
    return [
        f"pretrained on {run['tokens']:,} tokens in {run['seconds']:.0f} s "
        f"({run['tokens_per_second']:,} tokens/s, {run['precision']}); "
        f"everything took {result['seconds']:.0f} s",
        f"{out}/model      the pretrained model, for from_pretrained",
        f"{out}/finetuned  the six fine-tuned models with metrics.json and predictions",
        f"{out}/tasks      the labelled files; {out}/texts the corpus",
        f"{out}/tokenizer, {out}/data, {out}/run: what each stage wrote",
    ]
