"""What a classifier's scores hide: which labels it confuses, on what lengths it fails, how sure it is.

Made from rows of predictions alone, so that it can be made again from a folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from mlm_pretrain.evaluation.calibration import calibration_error, fit_temperature, with_temperature

Rows: TypeAlias = Sequence[Mapping[str, Any]]
FILE = "analysis.json"
_LENGTH_GROUPS = 4


def analyse(splits: Mapping[str, Rows], labels: Sequence[str]) -> dict[str, Any]:
    """By split: `confusion`, `by_label`, `by_length` and `calibration`.

    The temperature is found on "validation", whose own error after it is therefore flattered.

    Args:
        splits: rows with `label`, `prediction`, `text` (`text_pair`) and `probabilities` by label.
        labels: the model's outputs in order.
    """
    temperature = fit_temperature(*_chances(splits["validation"], labels))
    found: dict[str, Any] = {
        split: {
            "confusion": _confusion(rows, labels),
            "by_label": _by_label(rows, labels),
            "by_length": _by_length(rows),
            "calibration": _calibration(rows, labels, temperature),
        }
        for split, rows in splits.items()
    }
    return {"labels": list(labels), "temperature": round(temperature, 4), **found}


def _chances(rows: Rows, labels: Sequence[str]) -> tuple[Any, Any]:
    chances_NC = np.array([[row["probabilities"][label] for label in labels] for row in rows])
    places = {label: place for place, label in enumerate(labels)}
    return chances_NC, np.array([places[row["label"]] for row in rows])


def _calibration(rows: Rows, labels: Sequence[str], temperature: float) -> dict[str, float]:
    chances_NC, labels_N = _chances(rows, labels)
    softened_NC = with_temperature(chances_NC, temperature)
    return {
        "ece": round(calibration_error(chances_NC, labels_N), 6),
        "ece_with_temperature": round(calibration_error(softened_NC, labels_N), 6),
    }


def _confusion(rows: Rows, labels: Sequence[str]) -> list[list[int]]:
    """How often each label (a row) got each prediction (a column)."""
    from sklearn.metrics import confusion_matrix

    true, found = [r["label"] for r in rows], [r["prediction"] for r in rows]
    matrix: list[list[int]] = confusion_matrix(true, found, labels=list(labels)).tolist()
    return matrix


def _by_label(rows: Rows, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    from sklearn.metrics import precision_recall_fscore_support

    true, found = [r["label"] for r in rows], [r["prediction"] for r in rows]
    columns = precision_recall_fscore_support(true, found, labels=list(labels), zero_division=0)
    names = ("precision", "recall", "f1", "support")
    return {
        label: {name: float(value) for name, value in zip(names, values, strict=True)}
        for label, *values in zip(labels, *columns, strict=True)
    }


def _by_length(rows: Rows) -> list[dict[str, float]]:
    """Accuracy in four groups of about as many examples, from the shortest in words to the longest."""
    words_N = np.array([len(f"{r['text']} {r.get('text_pair') or ''}".split()) for r in rows])
    right_N = np.array([r["label"] == r["prediction"] for r in rows], float)
    order = np.argsort(words_N, kind="stable")
    return [
        {
            "words_from": int(words_N[group[0]]), "words_to": int(words_N[group[-1]]),
            "examples": len(group), "accuracy": float(right_N[group].mean()),
        }
        for group in np.array_split(order, _LENGTH_GROUPS)
        if len(group)
    ]  # fmt: skip
