"""Sound labelled rows for tagging, answering and classification, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.broken_bytes import as_json, sentence, to_bytes
from benchmarks.broken_corpora import table

Rows = list[dict[str, Any]]
_NO_TOKENS = ("-DOCSTART-", "\u200b", "\ufeff")


def rows_of(task: str, rng: Random) -> Rows:
    """Sound rows: few, of both labels, with answers and without."""
    return [_ROW[task](rng, number) for number in range(rng.randint(4, 9))]


def _text_row(rng: Random, number: int) -> dict[str, Any]:
    return {"text": sentence(rng), "label": ["good", "bad"][number % 2]}


def _tagged_row(rng: Random, number: int) -> dict[str, Any]:
    tokens = [word for word in sentence(rng).split() if word not in _NO_TOKENS] or ["a"]
    tags = ["O"] * len(tokens)
    tags[: 1 + number % 2] = ["B-PER", "I-PER"][: 1 + number % 2][: len(tokens)]
    return {"tokens": tokens, "ner_tags": tags[: len(tokens)]}


def _question_row(rng: Random, number: int) -> dict[str, Any]:
    context = "in the year " + sentence(rng)
    found = [] if number == 3 else ["year"]
    starts = [context.index(text) for text in found]
    return {"id": f"q{number}", "question": "when ?", "context": context,
            "answers": {"text": found, "answer_start": starts}}  # fmt: skip


_ROW: dict[str, Callable[[Random, int], dict[str, Any]]] = {
    "sentiment": _text_row, "ner": _tagged_row, "qa": _question_row,
}  # fmt: skip


def written(task: str, rows: Any, suffix: str) -> bytes:
    """Rows in one of the formats that fine-tuning reads."""
    if suffix == ".json":
        return to_bytes(as_json(rows))
    if suffix in (".csv", ".tsv"):
        names = list(rows[0])
        cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
        return table(cells, suffix) if suffix == ".csv" else _unquoted(cells)
    if suffix in (".conll", ".txt"):
        return to_bytes("\n\n".join("\n".join(columns(row)) for row in rows))
    return to_bytes("\n".join(as_json(row) for row in rows))


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _unquoted(rows: list[list[Any]]) -> bytes:
    """Tab-separated, where a quote is text and no text holds a tab."""
    lines = ("\t".join(str(cell).replace("\t", " ") for cell in row) for row in rows)
    return to_bytes("\n".join(lines))


def columns(row: dict[str, Any]) -> list[str]:
    """A tagged row as CoNLL lines."""
    return [f"{t}\t{tag}" for t, tag in zip(row["tokens"], row["ner_tags"], strict=False)]
