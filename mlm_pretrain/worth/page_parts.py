"""The parts of the page, each from what worth.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from mlm_pretrain.compare.comparison import NOT_SHOWN
from mlm_pretrain.report import Block, Code, Drawing, Heading, Paragraph, Table
from mlm_pretrain.worth.gain_drawing import gain_drawing
from mlm_pretrain.worth.labels import reached_text
from mlm_pretrain.worth.scores_drawing import scores_drawing
from mlm_pretrain.worth.variants import CONTROL
from mlm_pretrain.worth.wording import cost_text, interval, metric_name, p_text, percent, signed

Result: TypeAlias = Mapping[str, Any]
_HASH_LETTERS = 16


def against_the_base(result: Result) -> list[Block]:
    """What was gained, with both drawings."""
    head = [
        "variant, task (%)", "score", "base", "gain", "95 % interval", "p (Holm)", "it is",
        "training", "gain an hour", "shows with",
    ]  # fmt: skip
    gains = [one for one in result["comparisons"] if one["family"] == "gain"]
    blocks: list[Block] = [
        Heading("Gain over the base"),
        Table(head, [_gain_row(one, result) for one in gains], "Every variant against the base"),
    ]
    for number, (task, found) in enumerate(result["tasks"].items()):
        told = (
            f"{task}, {found['scored']}: a ring is one seed, lines join the same seed; below, the mean and "
            "its interval. Whether two differ is told by the gains, not by these intervals."
        )
        blocks.append(Drawing(scores_drawing(f"scores-{number}", task, found), told))
        blocks += _gain_over_cost(number, task, gains, result)
    return blocks


def against_the_controls(result: Result) -> list[Block]:
    """Whether it is the domain; nothing without a control."""
    members = [one for one in result["comparisons"] if one["family"] == "domain"]
    if not members:
        return []
    head = ["variant, task (%)", "control", "ahead by", "95 % interval", "p (Holm)", "it is",
            "shows with"]  # fmt: skip
    rows = [
        [f"{one['variant']}, {one['task']}", one["against"], *_difference(one), one["settling"]]
        for one in members
    ]
    return [
        Heading("Is it the domain?"),
        Table(head, rows, "Adapted models against models trained on other text, directly"),
    ]


def selection(result: Result) -> list[Block]:
    """How the variant to keep was chosen."""
    tasks = result["tasks"]
    head = ["variant", "role", *(f"{task}, validation (%)" for task in tasks), "gain over the base",
            "on the scored files"]  # fmt: skip
    gains = result["keep"]["validation_gains"]
    rows = [
        [
            name, variant["role"],
            *(percent(found["scores"][name]["validation_mean"]) for found in tasks.values()),
            signed(gains[name]), variant.get("verdict", ""),
        ]
        for name, variant in sorted(result["variants"].items(), key=lambda item: -gains[item[0]])
    ]  # fmt: skip
    rule = (
        "In the order of the validation files. Kept is the first adapted model whose gain is shown, and the "
        "base where none is: the test files say whether it is, and do not rank."
    )
    told = "Gain over the base on validation: the mean over tasks, in points"
    return [Heading("Which to keep"), Paragraph(rule), Table(head, rows, told)]


def labels_part(result: Result) -> list[Block]:
    """Scores with few labels, and what a gain is worth in labels; nothing where none were tried."""
    blocks: list[Block] = []
    for task, found in result["labels"].items():
        names = list(found["scores"])
        counts = list(found["scores"][names[0]])
        rows = [
            [f"{int(count):,}", *(_mean_text(found["scores"][name][count]) for name in names)]
            for count in counts
        ]
        reached = [[name, reached_text(of)] for name, of in found["reached"].items()]
        blocks += [
            Table(["labels", *names], rows, f"{task}: mean score (%) by number of labels"),
            Table(
                ["variant", "has the base's score with"],
                reached,
                f"{task}: labels for the score that the base has with all (95 % interval)",
            ),
        ]
    if blocks:
        told = "Described, not tested: these differences are in no family."
        blocks = [Heading("In labels"), Paragraph(told), *blocks]
    return blocks


def what_was_forgotten(result: Result) -> list[Block]:
    """Before and after; nothing where nothing was measured."""
    rows = [
        [f"{name}: {measure}", f"{of['before']:.3f}", f"{of['after']:.3f}",
         f"{of['after'] - of['before']:+.3f}".replace("-", "−"), "worse" if of["is_worse"] else ""]
        for name, measures in result["forgotten"].items()
        for measure, of in measures.items()
    ]  # fmt: skip
    if not rows:
        return []
    told = "One measurement each, without an interval: a small change may be chance"
    head = ["what was measured", "before", "after", "change", ""]
    return [Heading("What was forgotten"), Table(head, rows, told)]


def figures_by_seed(result: Result) -> list[Block]:
    """Every score, so that the drawings can be done without."""
    seeds = [f"seed {seed}" for seed in result["seeds"]]
    blocks: list[Block] = [Heading("Scores by seed")]
    for task, found in result["tasks"].items():
        for split in dict.fromkeys((found["scored"], "validation")):
            rows = [
                [name, *map(percent, scores[split]), *_own(scores, split == found["scored"])]
                for name, scores in found["scores"].items()
            ]
            told = f"{task}: {metric_name(found['metric'])} of {split}, percent"
            blocks.append(Table(["variant", *seeds, "mean", "its interval"], rows, told))
    return blocks


def provenance(result: Result) -> list[Block]:
    """Models, data, versions, processor, command."""
    models = [
        [name, v["role"], v["model"], v["content_hash"][:_HASH_LETTERS], f"{v['parameters']:,}",
         cost_text(v["cost"]), f"{v['seconds_a_run']:.1f}", v["notes"]]
        for name, v in result["variants"].items()
    ]  # fmt: skip
    data = [
        [f"{task}, {role}", file["path"], _identity(file)]
        for task, found in result["tasks"].items()
        for role, file in found["data"].items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    machines = "; ".join(f"{p['cores']} cores of {p['name']}" for p in result["processors"])
    return [
        Heading("What it was made of"),
        Table(["variant", "role", "model", "hash", "parameters", "cost", "s a fine-tuning", "notes"],
              models, "Models"),
        Table(["file", "path", "hash"], data, "Labelled files"),
        *([Code(result["command"])] if result["command"] else []),
        Paragraph(
            f"{len(result['runs'])} fine-tunings in {result['seconds']:,.0f} s; {machines}; {versions}; "
            f"written {result['written_at']}. All numbers are in worth.json.",
            "small",
        ),
    ]  # fmt: skip


def _identity(file: Result) -> str:
    """The beginning of a file's hash, or of the commit of what came from the Hub."""
    return str(file.get("xxh3_128") or file.get("revision") or "")[:_HASH_LETTERS]


def _gain_row(one: Result, result: Result) -> list[str]:
    found = result["tasks"][one["task"]]
    score, base = (percent(found["scores"][one[of]]["mean"]) for of in ("variant", "against"))
    variant, hourly = result["variants"][one["variant"]], one["per_hour"]
    role = " (control)" if variant["role"] == CONTROL else ""
    an_hour = (
        f"{signed(hourly['gain'])} ({interval(hourly['low'], hourly['high'])})"
        if hourly and one["verdict"] != NOT_SHOWN
        else ""
    )
    what = f"{one['variant']}{role}, {one['task']} {metric_name(one['metric'])}"
    cost = cost_text(variant["cost"])
    return [what, score, base, *_difference(one), cost, an_hour, one["settling"]]


def _difference(one: Result) -> list[str]:
    ends = interval(one["low"], one["high"])
    return [signed(one["difference"]), ends, p_text(one["p_holm"]), one["verdict"]]


def _gain_over_cost(number: int, task: str, gains: list[Any], result: Result) -> list[Block]:
    seconds = {
        name: v["cost"]["seconds"]
        for name, v in result["variants"].items()
        if "seconds" in v["cost"]
    }
    of_task = [one for one in gains if one["task"] == task]
    controls = [name for name, v in result["variants"].items() if v["role"] == CONTROL]
    drawing = gain_drawing(f"gain-{number}", task, of_task, seconds, controls)
    left_out = [one["variant"] for one in of_task if one["variant"] not in seconds]
    if not drawing:
        return [Paragraph("Gain over cost is not drawn: no training time was given.", "small")]
    missing = f" Not drawn, since its cost is not known: {', '.join(left_out)}." if left_out else ""
    return [
        Drawing(
            drawing,
            f"{task}: gain over the base with its 95 % interval. A ring is a control; models of "
            f"one cost stand side by side.{missing}",
        )
    ]


def _own(scores: Result, is_scored: bool) -> list[str]:
    if not is_scored:
        return [percent(scores["validation_mean"]), ""]
    return [percent(scores["mean"]), interval(scores["low"], scores["high"])]


def _mean_text(scores: list[float]) -> str:
    return percent(sum(scores) / len(scores))
