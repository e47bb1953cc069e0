"""`mlm-pretrain worth`: was the training worth it."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlm_pretrain.cli.comparing import Labels, Overrides, Seeds, settings_of
from mlm_pretrain.cli.output import DryRun, Json, finish, table

if TYPE_CHECKING:
    from mlm_pretrain.worth import Variant
    from mlm_pretrain.worth.variants import Role

_MINUTE = 60
_NAMED = "NAME=MODEL"


def worth(
    base: Annotated[
        str, typer.Option(help="Model folder or Hub name: what there was before. Also NAME=MODEL.")
    ],
    variant: Annotated[
        list[str],
        typer.Option(
            metavar=_NAMED,
            help="A model made from the base, and what to call it: DAPT=runs/dapt/model. Repeatable.",
        ),
    ],
    task: Annotated[
        list[str],
        typer.Option(
            metavar="KIND:FOLDER",
            help="Labelled files train, validation and test in a folder (such as train.jsonl.gz), or "
            "KIND:FILE.yaml, settings as `finetune --config` takes them. KIND as `finetune` has it: "
            "sentiment, ner, qa … Repeatable.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            help="Folder for the page, the numbers and the runs; runs there are used again."
        ),
    ],
    control: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_NAMED,
            help="A model trained as much as the variants, on text that has nothing to do with the task. "
            "Only with one can the page say whether it is the domain. Repeatable.",
        ),
    ] = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MINUTES",
            help="How long that model was trained: gives the gain an hour and the drawing. Repeatable.",
        ),
    ] = None,
    seeds: Seeds = 5,
    labels: Labels = None,
    label_counts: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="Also fine-tune with N labels, to say with how many a variant has the base's score with "
            "all. Repeatable: --label-counts 32 128 512.",
        ),
    ] = None,
    forgotten: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='JSON of figures before and after, for a table: {"DAPT": {"general text, nats a token": '
            '{"before": 2.1, "after": 2.4}}}.',
        ),
    ] = None,
    set_: Overrides = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Say whether further training was worth it: what it gave, what it cost, which model to keep.

    All models are fine-tuned alike on every task, seed by seed. Every variant is compared with the base and,
    where there is a control, with that; each difference comes with its 95 % interval over test examples
    (of questions, their paragraphs) and seeds, and with a verdict: better, worse or not shown. Where
    nothing differs, the chance of any false verdict among the comparisons with the base is at most 5 % in
    all (Holm). To keep is the first model in the order of the validation files whose gain is shown on the
    test files. All figures are of the test files, so that the gain of the one that is kept is somewhat
    flattered. OUT/worth.html is the answer on one page. Stopped at any time, the same command goes on.

    For example, with a test of whether it was the domain:

    mlm-pretrain worth --base bert-base --variant DAPT=dapt/model --control wiki=other/model
    --task ner:data/bc5cdr --cost DAPT=54 wiki=54 --out worth
    """
    from mlm_pretrain.compare import parse_task
    from mlm_pretrain.worth.changes import read_forgotten

    settings = settings_of(set_, labels)
    variants = variants_of(base, variant, control or [], cost or [])
    tasks = [parse_task(text) for text in task]
    figures = read_forgotten(forgotten) if forgotten else None

    from mlm_pretrain.worth import plan
    from mlm_pretrain.worth import worth as run

    counts = label_counts or []
    if dry_run:
        facts = plan(variants, tasks, out, seeds, settings, label_counts=counts)
        finish(facts, json, _plan_lines(facts))
        return
    result = run(
        variants, tasks, out, seeds, settings,
        label_counts=counts, forgotten=figures, command=shlex.join(["mlm-pretrain", *sys.argv[1:]]),
    )  # fmt: skip
    finish(result, json, [*_lines(result), f"written: {out}/worth.html, worth.md, worth.json"])


def variants_of(
    base: str, variants: list[str], controls: list[str], costs: list[str]
) -> list[Variant]:
    """The models as the flags name them, each with its cost.

    Raises:
        InputError: for a flag that is not NAME=VALUE, or a cost of a model that is not there.
    """
    from mlm_pretrain.errors import InputError
    from mlm_pretrain.worth import Variant

    seconds = dict(_cost(text) for text in costs)
    first = _pair("--base", base) if "=" in base else ("base", base)
    named: list[tuple[str, str, Role]] = [(*first, "base")]
    named += [(*_pair("--variant", text), "adapted") for text in variants]
    named += [(*_pair("--control", text), "control") for text in controls]
    found = [
        Variant(name, model, role, {"seconds": seconds.pop(name)} if name in seconds else {})
        for name, model, role in named
    ]
    if seconds:
        known = ", ".join(variant.name for variant in found)
        raise InputError(f"--cost {next(iter(seconds))}: no such model", f"one of {known}")
    return found


def _pair(flag: str, text: str) -> tuple[str, str]:
    from mlm_pretrain.errors import InputError

    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise InputError(f"{flag} {text}: is not NAME=VALUE", f"for example {flag} DAPT=…")
    return name, value


def _cost(text: str) -> tuple[str, float]:
    from mlm_pretrain.errors import InputError

    name, minutes = _pair("--cost", text)
    try:
        return name, float(minutes) * _MINUTE
    except ValueError:
        raise InputError(f"--cost {text}: {minutes} is no number", "give minutes") from None


def _plan_lines(facts: dict[str, Any]) -> list[str]:
    left = facts["seconds_left"]
    pace = "" if left is None else f", about {left / _MINUTE:.0f} minutes for the rest"
    asked = ", ".join(f"{family}: {count}" for family, count in facts["comparisons"].items())
    return [
        f"{facts['runs']} fine-tunings, {facts['kept']} of them there already{pace}",
        f"comparisons in each family: {asked}",
        *[
            f"{name}: {each['train_examples']} labels, {each['steps']} steps, "
            f"{each['parameters'] / 1e6:.1f} M parameters, by {each['best_by']}"
            for name, each in facts["each"].items()
        ],
    ]


def _lines(result: dict[str, Any]) -> list[str]:
    from mlm_pretrain.worth.wording import interval, p_text, percent, signed

    header = [
        "task (%)", "variant", "against", "score", "difference", "95 % interval", "p", "it is",
    ]  # fmt: skip
    rows = [
        [one["task"], one["variant"], one["against"],
         percent(result["tasks"][one["task"]]["scores"][one["variant"]]["mean"]),
         signed(one["difference"]), interval(one["low"], one["high"]), p_text(one["p_holm"]),
         one["verdict"]]
        for one in result["comparisons"]
    ]  # fmt: skip
    return [
        *table(header, rows),
        *result["sentences"],
        result["keep"]["sentence"],
        *[f"caution: {text}" for text in result["cautions"]],
    ]
