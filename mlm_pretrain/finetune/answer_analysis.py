"""Which questions a model answers well, and how sure it should be before it gives no answer.

N questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from mlm_pretrain.evaluation.metrics.squad import exact_matches, overlaps

Rows: TypeAlias = Sequence[Mapping[str, Any]]
_ASKING = ("what", "which", "who", "whom", "whose", "when", "where", "why", "how")
_OTHER = "other"
_NO_ANSWER = "none"
_LENGTHS = ((1, "1"), (2, "2"), (5, "3-5"))  # up to so many words, and the group's name
_LONGER = "6 or more"


def analyse_answers(splits: Mapping[str, Rows], version: int) -> dict[str, Any]:
    """By split: scores `by_question` word and `by_answer_words`, and with margins `no_answer`.

    Args:
        splits: rows as `Answering` writes them.
        version: of SQuAD's rules, 1 or 2; with 2 rows have `best_answer` and `no_answer_margin`.
    """
    found: dict[str, dict[str, Any]] = {
        split: {
            "by_question": _grouped(rows, _question_word, version),
            "by_answer_words": _grouped(rows, _answer_words, version),
        }
        for split, rows in splits.items()
    }
    if version == 1:
        return found
    threshold = best_threshold(splits["validation"])
    for split, rows in splits.items():
        found[split]["no_answer"] = _at(rows, threshold)
    return {"best_null_threshold": threshold, **found}


def best_threshold(rows: Rows) -> float:
    """The `null_threshold` with the highest F1, the lowest of equals (as SQuAD 2.0's script finds it)."""
    margins_N, silent_N, answered_N = _choices(rows)
    order = np.argsort(margins_N, kind="stable")
    # Threshold k lets the questions with the k smallest margins be answered, all others not.
    gains = np.concatenate([[0.0], np.cumsum((answered_N - silent_N)[order])])
    ends = np.concatenate(
        [[True], np.diff(margins_N[order]) > 0, [True]]
    )  # equal margins go together
    best = int(np.argmax(np.where(ends, gains, -np.inf)))
    return float(margins_N[order[best - 1]]) if best else float(margins_N.min() - 1)


def _choices(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each question (N): its margin, and its F1 without and with an answer."""
    answers = [row["answers"] for row in rows]
    silent = overlaps([""] * len(rows), answers, 2)
    answered = overlaps([row["best_answer"] for row in rows], answers, 2)
    return np.array([row["no_answer_margin"] for row in rows]), np.array(silent), np.array(answered)


def _at(rows: Rows, threshold: float) -> dict[str, float]:
    """Scores if questions with a margin above the threshold got no answer."""
    found = ["" if r["no_answer_margin"] > threshold else r["best_answer"] for r in rows]
    answers = [row["answers"] for row in rows]
    return {
        "exact_match": float(np.mean(exact_matches(found, answers, 2))),
        "f1": float(np.mean(overlaps(found, answers, 2))),
    }


def _grouped(
    rows: Rows, group_of: Callable[[Mapping[str, Any]], str], version: int
) -> dict[str, dict[str, float]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(group_of(row), []).append(row)
    return {name: _scores(groups[name], version) for name in sorted(groups)}


def _scores(rows: Rows, version: int) -> dict[str, float]:
    sides = [row["prediction"] for row in rows], [row["answers"] for row in rows]
    return {
        "examples": len(rows),
        "exact_match": float(np.mean(exact_matches(*sides, version))),
        "f1": float(np.mean(overlaps(*sides, version))),
    }


def _question_word(row: Mapping[str, Any]) -> str:
    """The first word that asks: "in which year" asks "which"."""
    words = row["question"].lower().replace("?", " ").split()
    return next((word for word in words if word in _ASKING), _OTHER)


def _answer_words(row: Mapping[str, Any]) -> str:
    """Of the shortest answer that is accepted."""
    if not row["answers"]:
        return _NO_ANSWER
    words = min(len(text.split()) for text in row["answers"])
    return next((name for most, name in _LENGTHS if words <= most), _LONGER)
