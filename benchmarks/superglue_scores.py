"""SuperGLUE's official scores, from rows of predictions beside the converted rows they are of.

Wang et al. 2019, "SuperGLUE: A stickier benchmark for general-purpose language understanding systems".
MultiRC: Khashabi et al. 2018; ReCoRD: Zhang et al. 2018, whose normalisation and F1 are SQuAD 1.1's.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from benchmarks.superglue_files import TRUE
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.evaluation.metrics.squad import exact_matches, overlaps

Row: TypeAlias = dict[str, Any]


def merged(rows: Sequence[Row], guesses: Sequence[Row]) -> list[Row]:
    """Converted rows, each with the `prediction` of it and the `chance` that it is true."""
    return [
        {**row, "prediction": guess["prediction"], "chance": guess["probabilities"].get(TRUE)}
        for row, guess in zip(rows, guesses, strict=True)
    ]


def questions(rows: Sequence[Row], *names: str) -> Iterator[list[Row]]:
    """Rows of one question together, in order; `names` of its idx tell questions apart, or all of it."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        number = [row["idx"][name] for name in names] if names else row["idx"]
        found.setdefault(json.dumps(number), []).append(row)
    yield from found.values()


def likeliest(rows: Sequence[Row]) -> Row:
    """The candidate whose chance to be true is the highest; of equal ones the first."""
    return max(rows, key=lambda row: float(row["chance"]))


def of_labels(rows: Sequence[Row]) -> dict[str, float]:
    """The share of right labels, and the mean F1 over labels (which counts for CB)."""
    sides = {
        "references": [r["label"] for r in rows],
        "predictions": [r["prediction"] for r in rows],
    }
    return {
        "accuracy": load_metric("accuracy").compute(**sides)["accuracy"],
        "f1": load_metric("f1").compute(**sides)["f1"],
    }


def accuracy(rows: Sequence[Row]) -> dict[str, float]:
    """The share of right labels."""
    return {"accuracy": of_labels(rows)["accuracy"]}


def of_choices(rows: Sequence[Row]) -> dict[str, float]:
    """The share of questions whose likeliest choice is the right one."""
    right = [likeliest(choices)["label"] == TRUE for choices in questions(rows)]
    return {"accuracy": statistics.fmean(right)}


def of_answers(rows: Sequence[Row]) -> dict[str, float]:
    """F1 of "true" over all answers, and the share of questions all of whose answers are judged right."""
    found = load_metric("f1").compute(
        predictions=[row["prediction"] for row in rows],
        references=[row["label"] for row in rows],
        average="binary", positive=TRUE,
    )  # fmt: skip
    right = [
        all(row["prediction"] == row["label"] for row in answers)
        for answers in questions(rows, "paragraph", "question")
    ]
    return {"f1a": float(found["f1"]), "em": statistics.fmean(right)}


def of_entities(rows: Sequence[Row]) -> dict[str, float]:
    """F1 of words and exact match of each query's likeliest entity, with the answer it is most like."""
    chosen = [likeliest(entities) for entities in questions(rows, "passage", "query")]
    sides = [row["entity"] for row in chosen], [row["answers"] for row in chosen]
    return {
        "f1": statistics.fmean(overlaps(*sides, version=1)),
        "em": statistics.fmean(exact_matches(*sides, version=1)),
    }


SCORES: dict[str, Callable[[Sequence[Row]], dict[str, float]]] = {
    "BoolQ": accuracy,
    "CB": of_labels,
    "COPA": of_choices,
    "MultiRC": of_answers,
    "ReCoRD": of_entities,
    "WiC": accuracy,
}
