"""Predictions of SuperGLUE's test files as its site takes them: JSON lines with the official numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.superglue_files import TRUE
from benchmarks.superglue_scores import Row, likeliest, questions


def site_lines(name: str, rows: Sequence[Row]) -> str:
    """The file of the task `name`, from converted rows with predictions."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _LINES[name](rows))


def _labels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"idx": row["idx"], "label": row["prediction"]}


def _choices(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for choices in questions(rows):
        yield {"idx": choices[0]["idx"], "label": likeliest(choices)["choice"]}


def _answers(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A line a passage, its questions and their answers within."""
    for passage in questions(rows, "paragraph"):
        of_passage = [
            {
                "idx": answers[0]["idx"]["question"],
                "answers": [
                    {"idx": row["idx"]["answer"], "label": int(row["prediction"] == TRUE)}
                    for row in answers
                ],
            }
            for answers in questions(passage, "question")
        ]
        yield {"idx": passage[0]["idx"]["paragraph"], "passage": {"questions": of_passage}}


def _entities(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for entities in questions(rows, "passage", "query"):
        yield {"idx": entities[0]["idx"]["query"], "label": likeliest(entities)["entity"]}


_LINES: dict[str, Callable[[Sequence[Row]], Iterator[dict[str, Any]]]] = {
    "BoolQ": _labels,
    "CB": _labels,
    "COPA": _choices,
    "MultiRC": _answers,
    "ReCoRD": _entities,
    "WiC": _labels,
}
