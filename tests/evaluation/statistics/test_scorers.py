"""A score under weights is the score of the rows repeated so often, by the libraries' own functions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.evaluation.metrics.tag_schemes import repair
from mlm_pretrain.evaluation.statistics import scorer
from mlm_pretrain.finetune import FinetuneConfig
from mlm_pretrain.finetune.multilabel import MultiLabel

_SUBJECTS = ("health", "law", "trade", "rare", "never")
Rows = list[dict[str, Any]]
_ANSWERS = ["the cat", "a cat sat", "Paris", "in Paris, France", "the", "42", ""]


def _labels(generator: np.random.Generator, count: int) -> Rows:
    names = generator.choice(["no", "yes", "perhaps"], (count, 2), p=[0.6, 0.3, 0.1])
    return [{"text": "", "label": str(a), "prediction": str(b)} for a, b in names]


def _numbers(generator: np.random.Generator, count: int) -> Rows:
    """With many ties, and far from zero."""
    values = 1e4 + generator.integers(0, 6, (count, 2)) / 4
    return [{"text": "", "label": float(a), "prediction": float(b)} for a, b in values]


def _tags(generator: np.random.Generator, count: int) -> Rows:
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = []
    for length in generator.integers(1, 9, count):
        sides = generator.choice(names, (2, length), p=[0.4, 0.2, 0.2, 0.1, 0.1])
        found, true = (repair([str(tag) for tag in side], "iob2") for side in sides)
        rows.append({"tokens": [""] * int(length), "tags": true, "predictions": found})
    return rows


def _answers(generator: np.random.Generator, count: int, silent: bool) -> Rows:
    texts = _ANSWERS if silent else _ANSWERS[:-1]
    rows = []
    for _ in range(count):
        answers = [str(text) for text in generator.choice(_ANSWERS[:-1], generator.integers(1, 4))]
        if silent and generator.random() < 0.3:
            answers = []
        rows.append({"answers": answers, "prediction": str(generator.choice(texts))})
    return rows


def _sets(generator: np.random.Generator, count: int) -> Rows:
    """Of five labels; "rare" is seldom on either side, "never" on neither."""
    chances = dict(zip(_SUBJECTS, [0.5, 0.3, 0.2, 0.01, 0.0], strict=True))
    rows = []
    for _ in range(count):
        label, found = ([s for s, p in chances.items() if generator.random() < p] for _ in "ab")
        rows.append({"text": "", "label": label, "prediction": found, "probabilities": chances})
    return rows


def _of_task(name: str) -> Callable[[Rows], float]:
    """As the task itself scores, whose labels are those of its training file."""
    task = MultiLabel(FinetuneConfig(model="", train="", validation="", out=""))
    task.labels = list(_SUBJECTS)
    return lambda rows: float(task.score(rows)[name])


def _sides(rows: Rows) -> tuple[list[Any], list[Any]]:
    return [row["label"] for row in rows], [row["prediction"] for row in rows]


def _seqeval(rows: Rows) -> float:
    found, true = [row["predictions"] for row in rows], [row["tags"] for row in rows]
    return float(load_metric("seqeval").compute(predictions=found, references=true)["f1"])


def _squad(name: str, version: int) -> Callable[[Rows], float]:
    def score(rows: Rows) -> float:
        found, true = [row["prediction"] for row in rows], [row["answers"] for row in rows]
        sides = {"predictions": found, "references": true, "version": version}
        return float(load_metric("squad").compute(**sides)[name])

    return score


# The kind of task, its score, rows of it, and the score as it is published.
_CASES: dict[str, tuple[str, str, Callable[..., Rows], Callable[[Rows], float]]] = {
    "accuracy": ("sentiment", "accuracy", _labels, lambda rows: accuracy_score(*_sides(rows))),
    "macro F1": (
        "sentiment",
        "f1_macro",
        _labels,
        lambda rows: f1_score(*_sides(rows), average="macro"),
    ),
    "Matthews": ("sentiment", "matthews", _labels, lambda rows: matthews_corrcoef(*_sides(rows))),
    "Pearson": ("regression", "pearson", _numbers, lambda rows: pearsonr(*_sides(rows)).statistic),
    "Spearman": (
        "regression",
        "spearman",
        _numbers,
        lambda rows: spearmanr(*_sides(rows)).statistic,
    ),
    "entities": ("ner", "f1", _tags, _seqeval),
    "exact match": (
        "qa",
        "exact_match",
        lambda g, n: _answers(g, n, False),
        _squad("exact_match", 1),
    ),
    "answers": ("qa", "f1", lambda g, n: _answers(g, n, False), _squad("f1", 1)),
    "answers or none": ("qa", "f1", lambda g, n: _answers(g, n, True), _squad("f1", 2)),
    "sets, micro F1": ("multilabel", "f1_micro", _sets, _of_task("f1_micro")),
    "sets, macro F1": ("multilabel", "f1_macro", _sets, _of_task("f1_macro")),
    "sets, all right": ("multilabel", "accuracy", _sets, _of_task("accuracy")),
}


@pytest.mark.parametrize("case", _CASES)
def test_a_score_under_weights_is_that_of_repeated_rows(case: str) -> None:
    kind, metric, make, reference = _CASES[case]
    generator = np.random.default_rng(3)
    rows = make(generator, 60)
    weights = np.concatenate([np.ones((1, 60), int), generator.multinomial(60, [1 / 60] * 60, 5)])
    scores = scorer(kind, metric, rows)(weights)
    for row_weights, score in zip(weights, scores, strict=True):
        repeated = [row for row, n in zip(rows, row_weights, strict=True) for _ in range(n)]
        assert score == pytest.approx(reference(repeated), abs=1e-9)


@pytest.mark.parametrize("metric", ["f1_macro", "matthews"])
def test_many_labels_take_little_memory(metric: str) -> None:
    """As many as CLINC150 has: the whole confusion matrix of each example would be a gigabyte."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 150, 5500)
    found = np.where(generator.random(5500) < 0.8, true, generator.integers(0, 150, 5500))
    rows = [{"label": f"l{a}", "prediction": f"l{b}"} for a, b in zip(true, found, strict=True)]
    tracemalloc.start()
    scores = scorer("sentiment", metric, rows)(np.ones((3, 5500), int))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    score = matthews_corrcoef if metric == "matthews" else partial(f1_score, average="macro")
    assert scores == pytest.approx(score(true, found), abs=1e-12)


def test_tags_that_are_no_entities_are_scored_one_by_one() -> None:
    rows = [
        {"tags": ["NOUN", "VERB"], "predictions": ["NOUN", "NOUN"]},
        {"tags": ["VERB"], "predictions": ["VERB"]},
    ]
    weights = np.array([[1, 1], [2, 1]])
    assert scorer("ner", "accuracy", rows)(weights) == pytest.approx([2 / 3, 3 / 5])
    sides = (["NOUN", "VERB", "VERB"], ["NOUN", "NOUN", "VERB"])
    assert scorer("ner", "matthews", rows)(weights)[0] == pytest.approx(matthews_corrcoef(*sides))


def test_a_score_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(InputError, match=r"no intervals for 'rouge1'.*\n.*accuracy"):
        scorer("sentiment", "rouge1", [{"label": "a", "prediction": "b"}])
