"""Labelled sets that probes are fitted and tested on: a folder with a train and a validation file.

A line of a file is a JSON object with `text`, maybe `text_pair`, and `label`. Labels that are words or whole
numbers are classes; a pair's label with a decimal point, such as 3.8, says how alike its texts are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.corpus import Audit, ReadOptions
from mlm_pretrain.corpus.lines import read_lines
from mlm_pretrain.corpus.opening import COMPRESSIONS
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.randomness import row_generator

SPLITS = ("train", "validation")
_LONGEST_LINE_BYTES = 1 << 22
_FEWEST_A_CLASS = 3  # one for each part of a cross-validation
_LINE = 'each line is an object such as {"text": "…", "label": "…"}, with "text_pair" for pairs'


class LabelledText(NamedTuple):
    """A text, or a pair of texts, and its label: the name of a class, or a number (how alike they are)."""

    text: str
    pair: str | None
    label: str | float
    where: str


class ProbeTask(NamedTuple):
    """What a probe is fitted to and tested on.

    Attributes:
        train: empty where nothing is fitted, since the labels say how alike two texts are.
    """

    name: str
    train: list[LabelledText]
    validation: list[LabelledText]

    @property
    def is_similarity(self) -> bool:
        return isinstance(self.validation[0].label, float)

    def describe(self) -> str:
        """What it is, and what can be had by always naming the most frequent class."""
        tested = len(self.validation)
        if self.is_similarity:
            return f"{self.name}: {tested} pairs, scored by how alike they are"
        counts = Counter(row.label for row in self.validation)
        best = 100 * max(counts.values()) / tested
        return (
            f"{self.name}: {len(self.train)} texts to fit, {tested} to test, {len(counts)} classes, the "
            f"most frequent {best:.1f} %"
        )


def read_task(
    name: str, folder: str | Path, rows: tuple[int, int], seed: int, setting: str = ""
) -> ProbeTask:
    """A sample by `seed` of a labelled set.

    Args:
        rows: how many are wanted of train and of validation; all where there are fewer.
        setting: that named the folder, for messages.

    Raises:
        InputError: a missing folder or file; a line that is no labelled text, at its number; texts and pairs
            or classes and numbers mixed; fewer than two classes with three rows each.
    """
    folder, setting = Path(folder), setting or f"task {name}"
    if not folder.is_dir():
        raise InputError(
            f"{setting}: {folder}: no such folder",
            "give a folder with train.jsonl and validation.jsonl (also .gz, .zst)",
        )
    train, validation = (
        _sampled(_read_file(_file(folder, split, setting), setting), count, seed)
        for split, count in zip(SPLITS, rows, strict=True)
    )
    found = ProbeTask(name, train, validation)
    _require_alike(found, setting)
    if found.is_similarity:
        return found._replace(train=[])
    _require_classes(found, folder, setting)
    return found


def _file(folder: Path, split: str, setting: str) -> Path:
    names = [f"{split}.jsonl{ending}" for ending in ("", *COMPRESSIONS)]
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) != 1:
        problem = f"no {names[0]}" if not found else f"both {found[0].name} and {found[1].name}"
        raise InputError(
            f"{setting}: {folder}: {problem}", "a set needs one train and one validation file"
        )
    return found[0]


def _read_file(path: Path, setting: str) -> list[LabelledText]:
    rows = [
        _labelled(line.text, f"{path}:{line.number}", setting)
        for line in read_lines(path, ReadOptions(), Audit(), _LONGEST_LINE_BYTES)
        if line.text.strip()
    ]
    if not rows:
        raise InputError(f"{setting}: {path}: 0 rows", _LINE)
    return rows


def _labelled(line: str, where: str, setting: str) -> LabelledText:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise InputError(f"{setting}: {where}: is no JSON object", _LINE)
    text, pair = _text(row, "text", where, setting), None
    if "text_pair" in row:
        pair = _text(row, "text_pair", where, setting)
    return LabelledText(text, pair, _label(row, pair is not None, where, setting), where)


def _text(row: dict[str, Any], field: str, where: str, setting: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        found = "is empty" if isinstance(value, str) else "is no text"
        problem = f"'{field}' {found}" if field in row else f"has no '{field}'"
        raise InputError(f"{setting}: {where}: {problem}", _LINE)
    return value


def _label(row: dict[str, Any], is_pair: bool, where: str, setting: str) -> str | float:
    value = row.get("label")
    if isinstance(value, float) and is_pair:
        return value
    if not isinstance(value, str | int) or value == "":
        problem = f"the label {value!r} is no class" if "label" in row else "has no 'label'"
        raise InputError(f"{setting}: {where}: {problem}", _LINE)
    return str(value)


def _sampled(rows: Sequence[LabelledText], count: int, seed: int) -> list[LabelledText]:
    """In the order of the file."""
    chosen = row_generator(seed, 0, len(rows)).permutation(len(rows))[:count]
    return [rows[place] for place in sorted(chosen)]


def _require_alike(task: ProbeTask, setting: str) -> None:
    first = task.validation[0]
    for row in (*task.train, *task.validation):
        if (row.pair is None) != (first.pair is None):
            raise InputError(
                f"{setting}: single texts and pairs in one set ({first.where}, {row.where})",
                "give `text_pair` in all rows of it, or in none",
            )
        if type(row.label) is not type(first.label):
            raise InputError(
                f"{setting}: classes and numbers as labels of one set ({first.where}, {row.where})",
                "write all labels as words, or all as numbers with a decimal point",
            )


def _require_classes(task: ProbeTask, folder: Path, setting: str) -> None:
    counts = Counter(row.label for row in task.train)
    enough = [label for label, number in counts.items() if number >= _FEWEST_A_CLASS]
    if len(enough) < 2:
        found = ", ".join(f"{label}: {number}" for label, number in counts.most_common(3))
        raise InputError(
            f"{setting}: {folder}: fewer than two classes with {_FEWEST_A_CLASS} rows each among the "
            f"{len(task.train)} drawn from its train file ({found})",
            "give a set with two or more classes, or draw more rows of it",
        )
