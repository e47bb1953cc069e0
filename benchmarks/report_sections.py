"""What a report says of each kind of record: a title, tables, and curves to draw."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from benchmarks.pairing import paired_text
from benchmarks.record import entries_of

Row: TypeAlias = Sequence[str]
# Of each curve by name: (number of labels, mean, standard deviation) a point.
Curves: TypeAlias = dict[str, list[tuple[float, float, float]]]


# Whose labels are counted, by the learner's name.
YARDSTICKS = {"random": "random weights", "tfidf": "words alone"}


@dataclass
class Section:
    """A part of a report.

    Attributes:
        command: what made the record.
        rows: the first one is the header.
        measured: what says when, on what and with what: the record, or its entry.
        curves: of scores in percent over labels; none where nothing is to be drawn.
        unit: of the curves' scores.
    """

    title: str
    command: str
    rows: list[Row]
    measured: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    curves: Curves = field(default_factory=dict)
    unit: str = ""


def sections(record: dict[str, Any]) -> list[Section]:
    """What there is to say of a record; nothing of a kind that has its place elsewhere."""
    make = _KINDS.get(record["benchmark"])
    return [] if make is None else make(record)


def mean_text(scores: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    mean = f"{statistics.mean(scores):.1f}"
    return f"{mean} ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else mean


def _labels(record: dict[str, Any]) -> list[Section]:
    return [_of_task(name, found) for name, found in entries_of(record).items()]


def _of_task(name: str, found: dict[str, Any]) -> Section:
    learners = list(found["scores"])
    saved = {str(saving["labels"]): saving for saving in found["saved"]}
    counts = sorted({n for of in found["scores"].values() for n in of}, key=int)
    against = YARDSTICKS[found.get("against", "random")]
    rows: list[Row] = [["labels", *learners, f"{against} need"]]
    for count in counts:
        scores = [found["scores"][learner].get(count) for learner in learners]
        cells = ["" if of is None else mean_text(of) for of in scores]
        rows.append([f"{int(count):,}", *cells, saving_text(saved.get(count), against)])
    return Section(
        title=f"Labels saved: {name}",
        command="python -m benchmarks.label_efficiency MODEL --task KIND:FOLDER --work DIR",
        rows=rows,
        measured=found,
        notes=[
            f"{found['metric']} of {found['scored']} in percent, {found['examples']:,} examples; mean and "
            f"standard deviation over {found['seeds']} seeds. Intervals of 95 % over examples and seeds."
        ],
        curves={name: _points(of) for name, of in found["scores"].items()},
        unit=f"{found['metric']}, percent",
    )


def saving_text(saving: dict[str, Any] | None, against: str) -> str:
    """`4.1× the labels (3.0 to 5.2)`, with ≥ where what it was measured `against` never came so far, and ≤
    where that scores as much with its fewest labels."""
    if saving is None:
        return ""
    if saving.get("is_below"):
        return f"≤ {saving['factor']:.1f}×: {against} score as much with their fewest labels"
    middle = f"{'≥ ' if saving['is_bound'] else ''}{saving['factor']:.1f}×"
    return f"{middle} ({_end_text(saving, 'low')} to {_end_text(saving, 'high')})"


def _end_text(saving: dict[str, Any], end: str) -> str:
    """Of the interval. Records of before do not say of the ends whether they are below."""
    is_below = saving.get(f"{end}_is_below", False)
    sign = "≥ " if saving[f"{end}_is_bound"] else "≤ " if is_below else ""
    return f"{sign}{saving[end]:.1f}"


def _points(of_learner: dict[str, list[float]]) -> list[tuple[float, float, float]]:
    return [
        (float(count), statistics.mean(s), statistics.stdev(s) if len(s) > 1 else 0.0)
        for count, s in sorted(of_learner.items(), key=lambda item: int(item[0]))
    ]


def _suite(record: dict[str, Any]) -> list[Section]:
    rows: list[Row] = [["task", "score", "of", "labels", "s a run"]]
    for name, found in record["results"].items():
        seconds = statistics.mean(found["seconds"])
        labels = f"{found['train_examples']:,}"
        name = f"{name}, from {found['from']}" if "from" in found else name
        rows.append([name, mean_text(found["score"]), found["scored"], labels, f"{seconds:.0f}"])
    settings = record["settings"]
    name = record["benchmark"]
    command = f"python -m benchmarks.{name} {settings['model']} --data DIR --work DIR"
    notes = [
        f"Official scores in percent, mean and standard deviation over {settings['seeds']} seeds."
    ]
    return [Section(_SUITES[name], command, rows, record, notes)]


def _beside_stock(record: dict[str, Any]) -> list[Section]:
    return [_of_finetuning(name, found) for name, found in entries_of(record).items()]


def _of_finetuning(name: str, found: dict[str, Any]) -> Section:
    rows: list[Row] = [["way", found["score"], "s a run"]]
    for way in ("stock", "ours"):
        seconds = statistics.median(found[way]["seconds"])
        rows.append([way, mean_text(found[way]["scores"]), f"{seconds:.0f}"])
    difference = paired_text(found["stock"]["scores"], found["ours"]["scores"])
    rows.append(["ours − stock", difference, f"× {found['time_ratio']:.2f}"])
    settings = found["settings"]
    few = [
        f"{settings[f'{split}_rows'] or 'all'} {split} rows" for split in ("train", "validation")
    ]
    return Section(
        title=f"Fine-tuning beside the example scripts: {name}",
        command="python -m benchmarks.finetuning --model MODEL --data DIR --work DIR",
        rows=rows,
        measured=found,
        notes=[
            f"{settings['model']}, {', '.join(few)}, {settings['seeds']} seeds, ours in "
            f"{settings['precision']}; whole processes; the difference with its 95 % interval over seeds."
        ],
    )


def _blimp(record: dict[str, Any]) -> list[Section]:
    found = [
        (f"{model} ({way})", scores)
        for model, ways in record["results"].items()
        for way, scores in ways.items()
    ]
    fields = sorted({name for _, scores in found for name in scores["fields"]})
    rows: list[Row] = [["model", "all", *fields]]
    for name, scores in found:
        cells = [f"{scores['fields'].get(of, float('nan')):.1f}" for of in fields]
        rows.append([name, f"{scores['accuracy']:.1f} ± {1.96 * scores['error']:.1f}", *cells])
    notes = [
        f"Percent of {record['settings']['pairs']:,} pairs; 95 % over the pairs drawn, not over seeds."
    ]
    command = "python -m benchmarks.blimp MODEL --data FILE"
    return [Section("Minimal pairs (BLiMP)", command, rows, record, notes)]


_SUITES = {"glue": "GLUE", "superglue": "SuperGLUE"}
_KINDS: dict[str, Callable[[dict[str, Any]], list[Section]]] = {
    "label_efficiency": _labels,
    **dict.fromkeys(_SUITES, _suite),
    "blimp": _blimp,
    "finetuning": _beside_stock,
}
