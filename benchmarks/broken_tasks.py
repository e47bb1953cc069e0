"""Broken labelled files for tagging, answering and classification: one function a kind.

A case holds a training and a validation file, of which the first is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from benchmarks.broken_archives import COMPRESSORS, bomb, other_archive, strange_gzip, strange_zstd
from benchmarks.broken_bytes import (
    FILE_DAMAGES,
    TEXT_DAMAGES,
    Damage,
    as_json,
    long_line,
    to_bytes,
)
from benchmarks.broken_case import Case, Maker
from benchmarks.broken_rows import columns, rows_of, written
from benchmarks.broken_values import damaged, odd_json, odd_value

TASKS = ("sentiment", "ner", "qa")
_ODD_TAGS = [
    "I-LOC", "B-", "-", "B", "X-PER", "b-per", "B-PER-X", "PER", "E-PER", "S-PER", "L-A", "0", "t" * 10_000,
]  # fmt: skip
_ODD_LINES = [
    "a", "\tO", "a\t", "\t\t", "a\tb\tc\tO", "\u3000 O", "-DOCSTART-", "# id = 1", "#", "a\u2028b O",
    "\u00a0", "a O O", "a I-LOC", "a B-PER ",
]  # fmt: skip
_UNIVERSAL = [
    ["1", "zum", "_", "ADP"], ["1-2", "a", "_", "_"], ["2", "dem", "der", "DET"], ["2.1", "x", "_", "X"],
]  # fmt: skip
_ODD_STARTS = [
    -1, 0, 7, 10**6, 10**30, 8.0, 8.5, "8", "x", None, True, [8], float("nan"), float("inf"),
]  # fmt: skip
_ODD_ANSWERS = ["year", "", " ", "Year", "year" * 10_000, None, 3, ["year"], "\x00", "\ud83d"]
_ODD_LABELS = [-1, "-1", "", None, "new", 7, 1.0, 0.5, True, "²", "9" * 5_000]
_ARCHIVES: list[tuple[Damage, str]] = [
    (strange_gzip, ".gz"), (strange_zstd, ".zst"),
    *((other_archive, own) for own in ("", ".gz", ".zip", ".tar.gz")),
]  # fmt: skip
_FIELDS = {"sentiment": "text", "ner": "tokens", "qa": "context"}


def _suffix(task: str, rng: Random) -> str:
    columns = [".conll", ".txt"] if task == "ner" else []
    return rng.choice([".jsonl", ".json", ".csv", ".tsv", *columns])


def settings(task: str, rng: Random) -> dict[str, Any]:
    """Of fine-tuning: the defaults in half of the cases. `broken` says which file is the broken one."""
    split = {"broken": rng.choice(["train", "validation"])}
    if rng.random() < 0.5:
        return split
    chosen: dict[str, Any] = {
        "label_names": rng.choice([None, ["O", "B-PER", "I-PER"], ["bad", "good"], ["1", "2"], []]),
        "tag_scheme": rng.choice(["auto", "iob1", "iob2", "iobes", "bilou", "plain"]),
        "max_bad_answers": rng.choice([0.0, 0.5, 1.0]),
        "text_pair_field": rng.choice(["text_pair", "text_pair", "label"]),
        "stride": rng.choice([None, 0, 5]),
    }
    return split | chosen


def _case(task: str, rng: Random, name: str, content: bytes) -> Case:
    other = written(task, rows_of(task, rng), ".jsonl")
    return Case({name: content, "other.jsonl": other}, settings(task, rng))


def _text(damage: Damage, task: str, rng: Random) -> Case:
    suffix, compression = _suffix(task, rng), rng.choice(["", "", "", ".gz", ".zst"])
    content = damage(rng, written(task, rows_of(task, rng), suffix))
    return _case(task, rng, f"a{suffix}{compression}", COMPRESSORS[compression](content))


def _file(damage: Damage, task: str, rng: Random) -> Case:
    suffix, compression = _suffix(task, rng), rng.choice([".gz", ".zst"])
    content = COMPRESSORS[compression](written(task, rows_of(task, rng), suffix))
    return _case(task, rng, f"a{suffix}{compression}", damage(rng, content))


def _sound(task: str, rng: Random) -> Case:
    """Without a fault, and so with no right to an error."""
    suffix, compression = _suffix(task, rng), rng.choice(["", ".gz", ".zst"])
    content = COMPRESSORS[compression](written(task, rows_of(task, rng), suffix))
    other = written(task, rows_of(task, rng), ".jsonl")
    return Case({f"a{suffix}{compression}": content, "other.jsonl": other}, {"broken": "train"})


def _archive(task: str, rng: Random) -> Case:
    suffix, data = _suffix(task, rng), written(task, rows_of(task, rng), ".jsonl")
    make, own = rng.choice(_ARCHIVES)
    return _case(task, rng, f"a{suffix}{own}", make(rng, data))


def _bomb(task: str, rng: Random) -> Case:
    suffix, compression = _suffix(task, rng), rng.choice([".gz", ".zst"])
    return _case(task, rng, f"a{suffix}{compression}", bomb(rng, compression))


def _values(task: str, rng: Random) -> Case:
    """A value of another type, a field too many or too few, a row twice: anywhere."""
    rows: Any = rows_of(task, rng)
    for _ in range(rng.choice([1, 1, 1, 3])):
        place = rng.randrange(len(rows))
        rows[place] = damaged(rng, rows[place])
    suffix = rng.choice([".jsonl", ".json"])
    return _case(task, rng, f"a{suffix}", written(task, rows, suffix))


def _whole(task: str, rng: Random) -> Case:
    """Another shape than a list of rows."""
    rows = rows_of(task, rng)
    content = rng.choice(
        [{"data": rows}, {"rows": rows}, [rows], {}, [], odd_value(rng), damaged(rng, rows)]
    )
    return _case(task, rng, "a.json", to_bytes(as_json(content)))


def _lines(task: str, rng: Random) -> Case:
    lines = [as_json(row) for row in rows_of(task, rng)]
    lines.insert(rng.randrange(len(lines) + 1), odd_json(rng, _FIELDS[task]))
    return _case(task, rng, "a.jsonl", to_bytes("\n".join(lines)))


def _labels(task: str, rng: Random) -> Case:
    """Labels and tags that are missing, hidden, unseen, of another type, or all alike."""
    rows, field = rows_of(task, rng), {"sentiment": "label", "ner": "ner_tags"}.get(task, "id")
    for row in rng.sample(rows, rng.choice([1, 2, len(rows)])):
        value = rng.choice([*_ODD_LABELS, odd_value(rng)])
        row[field] = [value] * len(row["tokens"]) if field == "ner_tags" else value
    suffix = rng.choice([".jsonl", ".csv"])
    return _case(task, rng, f"a{suffix}", written(task, rows, suffix))


def _columns_file(task: str, rng: Random) -> Case:
    """CoNLL with columns missing, tags that are none, and sequences that break their scheme."""
    lines = [line for row in rows_of("ner", rng) for line in [*columns(row), ""]]
    for _ in range(rng.randint(1, 4)):
        line = rng.choice([*_ODD_LINES, *(f"a\t{tag}" for tag in _ODD_TAGS)])
        lines.insert(rng.randrange(len(lines) + 1), line)
    name = rng.choice(["a.conll", "a.txt", "a.conllu", "a.conll.gz"])
    compress = COMPRESSORS[".gz" if name.endswith("gz") else ""]
    return _case(task, rng, name, compress(to_bytes("\n".join(lines))))


def _universal(task: str, rng: Random) -> Case:
    """CoNLL-U with wrong numbers, columns left out, or words that are empty."""
    lines = ["\t".join([*row, *"_" * 6]) for row in _UNIVERSAL]
    for _ in range(rng.randint(1, 3)):
        cells = rng.choice(_UNIVERSAL)[:]
        cells[rng.randrange(4)] = rng.choice(["", "x", "1-", "²", "٣", "-1", " ", "#"])
        lines.insert(rng.randrange(5), "\t".join([*cells, *"_" * rng.choice([6, 6, 0, 7])]))
    name = rng.choice(["a.conllu", "a.conll"])
    return _case(task, rng, name, to_bytes("\n".join([*lines, "", *lines])))


def _spans(task: str, rng: Random) -> Case:
    """Answers that are elsewhere, empty, outside, or of another type."""
    rows = rows_of(task, rng)
    for row in rng.sample(rows, rng.choice([1, len(rows)])):
        start, text = rng.choice(_ODD_STARTS), rng.choice(_ODD_ANSWERS)
        pair = {"text": [text], "answer_start": [start]}
        odd = [
            {**pair, "text": text},
            {"text": [text]},
            [pair],
            "[]",
            '{"text": ["a"]',
            {**pair, "answer_start": []},
        ]
        row["answers"] = rng.choice([pair, pair, [{"text": text, "answer_start": start}], *odd])
        row["is_impossible"] = rng.choice(
            [None, False, False, True, "maybe", "true", [], float("nan"), 2]
        )
    return _case(task, rng, "a.jsonl", written(task, rows, ".jsonl"))


def _nested(task: str, rng: Random) -> Case:
    """The official nested file, with something inside damaged."""
    blocks = []
    for row in rows_of(task, rng):
        answers = [{"text": "year", "answer_start": 7}] if row["answers"]["text"] else []
        question = {"id": row["id"], "question": row["question"], "answers": answers}
        blocks.append({"context": row["context"], "qas": [question]})
    article = {"title": "T", "paragraphs": blocks}
    content = {"version": "1.1", "data": [damaged(rng, article), article]}
    return _case(
        task, rng, "a.json", to_bytes(as_json(rng.choice([content, damaged(rng, content)])))
    )


def _kinds(task: str) -> dict[str, Maker]:
    makers: dict[str, Callable[[str, Random], Case]] = {
        "sound": _sound,
        **{damage.__name__: partial(_text, damage) for damage in [*TEXT_DAMAGES, long_line]},
        **{f"file {damage.__name__}": partial(_file, damage) for damage in FILE_DAMAGES[:3]},
        "archives": _archive, "bomb": _bomb, "values": _values, "whole file": _whole, "json lines": _lines,
        "labels": _labels,
    }  # fmt: skip
    own = {
        "ner": {"columns": _columns_file, "universal": _universal},
        "qa": {"spans": _spans, "nested": _nested},
    }
    makers |= own.get(task, {})
    return {f"{task}: {n.replace('_', ' ')}": partial(make, task) for n, make in makers.items()}


KINDS: dict[str, Maker] = {name: make for task in TASKS for name, make in _kinds(task).items()}
