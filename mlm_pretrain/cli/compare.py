"""`mlm-pretrain compare`: two models on labelled tasks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlm_pretrain.cli.comparing import Labels, Overrides, Seeds, settings_of
from mlm_pretrain.cli.output import DryRun, Json, finish, table


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Model folder or Hub name: the base.")],
    second: Annotated[
        str, typer.Argument(metavar="B", help="The other one. Differences are B minus A.")
    ],
    task: Annotated[
        list[str],
        typer.Option(
            help="KIND:FOLDER, with train, validation and test files in it (such as train.jsonl.gz), or "
            "KIND:FILE.yaml, settings as `finetune --config` takes them. KIND as `finetune` has it: "
            "sentiment, ner, qa … Repeatable; p-values are corrected for their number."
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Folder for runs and result; runs that lie there are used again.")
    ] = "comparison",
    seeds: Seeds = 5,
    labels: Labels = None,
    set_: Overrides = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Say whether B is better than A: fine-tune both alike, over seeds, and judge the difference.

    Both get the same examples, seeds and settings. The difference of their mean scores comes with its 95 %
    interval over test examples (of questions, their paragraphs) and seeds, and with a verdict: better,
    worse, or not shown. Two copies of one model are called "better" in at most 1 comparison of 20.
    Intervals are not corrected, p-values are.
    """
    from mlm_pretrain.compare import parse_task

    settings = settings_of(set_, labels)
    tasks = [parse_task(text) for text in task]

    from mlm_pretrain.compare import compare as run
    from mlm_pretrain.compare import plan

    if dry_run:
        facts = plan(first, second, tasks, seeds, settings)
        finish(facts, json, [f"{key}: {value}" for key, value in facts.items()])
        return
    result = run(first, second, tasks, out, seeds=seeds, settings=settings)
    finish(result, json, [*_lines(result), f"written: {out}/comparison.json"])


def _lines(result: dict[str, Any]) -> list[str]:
    header = ["task (%)", "score", "A", "B", "B − A", "95 % interval", "p", "B is"]
    rows = [_row(name, of_task) for name, of_task in result["tasks"].items()]
    more = [_more(name, of_task) for name, of_task in result["tasks"].items()]
    return [
        f"A: {result['first']} ({_cost(result['cost'][0])})",
        f"B: {result['second']} ({_cost(result['cost'][1])})",
        f"{result['seeds']} seeds each; p corrected for {len(rows)} "
        + ("tasks (Holm)" if len(rows) > 1 else "task"),
        *table(header, rows),
        *[line for line in more if line],
    ]


def _row(name: str, found: dict[str, Any]) -> list[str]:
    from mlm_pretrain.worth.wording import p_text

    first, second = (f"{100 * mean:.1f}" for mean in found["means"])
    difference, low, high = (f"{100 * found[key]:+.1f}" for key in ("difference", "low", "high"))
    score = f"{found['metric']} of {found['scored']}"
    interval = f"{low} to {high}"
    return [
        name,
        score,
        first,
        second,
        difference,
        interval,
        p_text(found["p_holm"]),
        found["verdict"],
    ]


def _more(name: str, found: dict[str, Any]) -> str:
    """What would settle a difference that is not shown."""
    if found["verdict"] != "not shown":
        return ""
    if (seeds := found["seeds_needed"]) is not None:
        return f"{name}: a difference of this size shows with {seeds} seeds"
    if (examples := found["examples_needed"]) is None:
        return f"{name}: no difference to settle"
    return (
        f"{name}: no number of seeds settles so small a difference on {found['examples']:,} examples; "
        f"about {examples:,} might"
    )


def _cost(cost: dict[str, Any]) -> str:
    return (
        f"{cost['parameters'] / 1e6:.1f} M parameters, {cost['seconds_a_run']:.0f} s a fine-tuning"
    )
