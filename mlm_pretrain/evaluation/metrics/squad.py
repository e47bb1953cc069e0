"""Exact match and F1 of answers, as SQuAD 1.1 and 2.0 define them.

Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", and
Rajpurkar et al. 2018, "Know What You Don't Know: Unanswerable Questions for SQuAD".
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import datasets

from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Squad(LocalMetric):
    """`{"exact_match", "f1"}` as shares of 1, the best over an example's reference answers.

    A prediction is a text, "" for "no answer"; a reference is the list of accepted texts, empty
    when the question has no answer. When some reference is empty, `has_answer_f1` and
    `no_answer_accuracy` are added. `version=1` scores by SQuAD 1.1's rules, 2 by SQuAD 2.0's; they
    differ only in answers that are empty once articles and punctuation are gone.
    """

    def _info(self) -> Any:
        return describe(__doc__ or "", (TEXT, datasets.Sequence(TEXT)))

    def _compute(
        self, predictions: list[str], references: list[list[str]], version: int = 2
    ) -> dict[str, float]:
        exact = exact_matches(predictions, references, version)
        overlap = overlaps(predictions, references, version)
        scores = {"exact_match": _mean(exact), "f1": _mean(overlap)}
        empty = [not texts for texts in references]
        if any(empty):
            answered = [f1 for f1, none in zip(overlap, empty, strict=True) if not none]
            silent = [f1 for f1, none in zip(overlap, empty, strict=True) if none]
            scores.update(has_answer_f1=_mean(answered), no_answer_accuracy=_mean(silent))
        return scores


def exact_matches(
    predictions: Sequence[str], references: Sequence[list[str]], version: int = 2
) -> list[float]:
    """1 for each prediction that is one of its answers but for case, punctuation and articles, else 0."""
    return _best(lambda a, b: float(normalise(a) == normalise(b)), predictions, references, version)


def overlaps(
    predictions: Sequence[str], references: Sequence[list[str]], version: int = 2
) -> list[float]:
    """`token_f1` of each prediction with the answer it shares most words with."""
    return _best(lambda a, b: token_f1(a, b, version), predictions, references, version)


def normalise(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(found: str, true: str, version: int = 2) -> float:
    """F1 of the bags of words; an empty side scores 1 only against an empty side, and in 1.1 0."""
    found_words, true_words = normalise(found).split(), normalise(true).split()
    if version == 2 and not (found_words and true_words):
        return float(found_words == true_words)
    common = (Counter(found_words) & Counter(true_words)).total()
    if not common:
        return 0.0
    precision, recall = common / len(found_words), common / len(true_words)
    return 2 * precision * recall / (precision + recall)


def _best(
    score: Callable[[str, str], float],
    predictions: Sequence[str],
    references: Sequence[list[str]],
    version: int,
) -> list[float]:
    return [
        max(score(found, text) for text in _accepted(texts, version))
        for found, texts in zip(predictions, references, strict=True)
    ]


def _accepted(texts: list[str], version: int) -> list[str]:
    kept = [text for text in texts if version == 1 or normalise(text)]
    return kept or [""]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
