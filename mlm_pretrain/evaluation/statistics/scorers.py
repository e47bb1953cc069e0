"""A test set's score when examples count more or less often, which is what resampling asks for.

Most scores are a function of sums over examples (right answers, entities found, how often each label is
true, found and right), so that thousands of resamples are one matrix product.

Questions of one paragraph are hard or easy together, and were not drawn one by one: what is drawn again is
paragraphs, each with all its questions (a cluster bootstrap, Davison & Hinkley 1997, section 3.8), since
single questions would make intervals too narrow.

Shapes: N examples, R resamples, D of what is drawn (paragraphs of questions, examples of all else), K sums,
C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics.tag_schemes import entities

Array: TypeAlias = NDArray[np.float64]
Row: TypeAlias = dict[str, Any]  # of a predictions file
# How often each of what is drawn counts (R, D) → the score under each (R,).
Scorer: TypeAlias = Callable[[NDArray[Any]], Array]


def scorer(kind: str, metric: str, rows: Sequence[Row]) -> Scorer:
    """The score `metric` of `finetune`'s rows of predictions of a `kind` of task, under weights.

    Raises:
        InputError: for a score that cannot be taken apart by examples.
    """
    check_scorable(kind, metric)
    return _SCORERS[kind][metric](rows)


def drawn_count(rows: Sequence[Row]) -> int:
    """D, of rows of predictions."""
    return int(_drawn_with(rows).max()) + 1 if rows else 0


def _drawn_with(rows: Sequence[Row]) -> NDArray[np.int64]:
    """(N,): with which of what is drawn each row is. Where all are of one paragraph, its questions are."""
    paragraphs_N = [row.get("paragraph") for row in rows]
    if None in paragraphs_N or len(set(paragraphs_N)) < 2:
        return np.arange(len(rows))
    return np.unique(paragraphs_N, return_inverse=True)[1]


def scored_kinds() -> list[str]:
    """Kinds of tasks, as `finetune` calls them, whose scores have intervals."""
    return list(_SCORERS)


def check_kind(kind: str) -> None:
    """Refuse a kind of task, as `finetune` calls it, none of whose scores has intervals.

    Raises:
        InputError: naming the kinds that have them.
    """
    if kind not in _SCORERS:
        raise InputError(
            f"no intervals for the scores of {kind}",
            f"tasks that have them: {', '.join(scored_kinds())}",
        )


def check_scorable(kind: str, metric: str) -> None:
    """Refuse a score that has no intervals.

    Raises:
        InputError: naming the kinds, or the kind's scores, that have them.
    """
    check_kind(kind)
    if metric not in _SCORERS[kind]:
        raise InputError(
            f"metric: no intervals for '{metric}' of {kind}",
            f"one of {', '.join(sorted(_SCORERS[kind]))}",
        )


def _of_sums(parts_DK: Array, value: Callable[[Array], Array]) -> Scorer:
    """`value` gets sums (R, K)."""
    return lambda weights_RD: value(weights_RD @ parts_DK)


def _ratio(over: Array, under: Array) -> Array:
    """0 where nothing stands below, as the scores themselves have it."""
    return np.divide(over, under, out=np.zeros_like(over), where=under != 0)


def _of_mean(values_N: Sequence[float], rows: Sequence[Row]) -> Scorer:
    drawn_N = _drawn_with(rows)
    sums_D = np.bincount(drawn_N, np.asarray(values_N, float))
    parts_DK = np.stack([sums_D, np.bincount(drawn_N)], axis=1)
    return _of_sums(parts_DK, lambda sums: _ratio(sums[:, 0], sums[:, 1]))


def _accuracy(rows: Sequence[Row]) -> Scorer:
    pairs_N = [_pairs(row) for row in rows]
    parts = [[sum(true == found for true, found in pairs), len(pairs)] for pairs in pairs_N]
    return _of_sums(np.array(parts, float), lambda sums: _ratio(sums[:, 0], sums[:, 1]))


def _pairs(row: Row) -> list[tuple[str, str]]:
    """Truth and prediction of an example, or of each of its tokens."""
    if "predictions" in row:
        return list(zip(row["tags"], row["predictions"], strict=True))
    return [(row["label"], row["prediction"])]


def _of_labels(rows: Sequence[Row], value: Callable[[Array, Array, Array], Array]) -> Scorer:
    """`value` gets how often each label is true, is found, and is both at once, each (R, C).

    These are the sums and the diagonal of the confusion matrix. All of its cells, of each example, would be
    a gigabyte for 150 labels and 5,500 examples.
    """
    pairs_N = [_pairs(row) for row in rows]
    names = sorted({name for pairs in pairs_N for pair in pairs for name in pair})
    index = {name: number for number, name in enumerate(names)}
    parts_NSC = np.zeros((len(rows), 3, len(names)))
    for number, pairs in enumerate(pairs_N):
        for true, found in pairs:
            parts_NSC[number, 0, index[true]] += 1
            parts_NSC[number, 1, index[found]] += 1
            parts_NSC[number, 2, index[true]] += true == found
    parts_NK = parts_NSC.reshape(len(rows), -1)
    return _of_sums(parts_NK, lambda sums: value(*np.split(sums, 3, axis=1)))


def matthews_of(true_RC: Array, found_RC: Array, right_RC: Array) -> Array:
    """Matthews correlation (Gorodkin 2004); 0 where one side has one label."""
    total_R, right_R = true_RC.sum(1), right_RC.sum(1)
    shared_R = total_R * right_R - (true_RC * found_RC).sum(1)
    spread_R = (total_R**2 - (true_RC**2).sum(1)) * (total_R**2 - (found_RC**2).sum(1))
    return _ratio(shared_R, np.sqrt(np.maximum(spread_R, 0)))


def f1_macro_of(true_RC: Array, found_RC: Array, right_RC: Array) -> Array:
    """Mean F1 over the labels that occur on either side."""
    both_RC = true_RC + found_RC
    f1_RC = _ratio(2 * right_RC, both_RC)
    return _ratio(f1_RC.sum(1), (both_RC > 0).sum(1).astype(float))


def _entity_f1(rows: Sequence[Row]) -> Scorer:
    sets = [(set(entities(row["predictions"])), set(entities(row["tags"]))) for row in rows]
    parts = [[2 * len(found & true), len(found) + len(true)] for found, true in sets]
    return _of_sums(np.array(parts, float), lambda sums: _ratio(sums[:, 0], sums[:, 1]))


def _exact_match(rows: Sequence[Row]) -> Scorer:
    from mlm_pretrain.evaluation.metrics.squad import exact_matches

    return _of_mean(exact_matches(*_answers(rows)), rows)


def _answer_f1(rows: Sequence[Row]) -> Scorer:
    from mlm_pretrain.evaluation.metrics.squad import overlaps

    return _of_mean(overlaps(*_answers(rows)), rows)


def _answers(rows: Sequence[Row]) -> tuple[list[str], list[list[str]], int]:
    """Predictions, answers, and the rules: SQuAD 2.0's where some question has no answer."""
    answers = [row["answers"] for row in rows]
    return [row["prediction"] for row in rows], answers, 1 if all(answers) else 2


def _values(rows: Sequence[Row]) -> tuple[Array, Array]:
    return tuple(np.array([float(row[side]) for row in rows]) for side in ("label", "prediction"))


def _pearson(rows: Sequence[Row]) -> Scorer:
    x, y = _values(rows)
    x, y = (
        x - x.mean(),
        y - y.mean(),
    )  # sums of squares of large numbers lose the digits that differ
    return _of_sums(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1), _correlation)


def _correlation(sums_R6: Array) -> Array:
    n, x, y, xx, yy, xy = sums_R6.T
    spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    return _ratio(n * xy - x * y, np.sqrt(spread))


def _spearman(rows: Sequence[Row]) -> Scorer:
    """Ranks depend on the resample, so each is ranked by itself."""
    from scipy.stats import rankdata

    sides = _values(rows)

    def of_one(weights_N: NDArray[Any]) -> float:
        x, y = (rankdata(np.repeat(side, weights_N)) for side in sides)
        x, y = x - x.mean(), y - y.mean()
        spread = float(np.sqrt((x @ x) * (y @ y)))
        return float(x @ y) / spread if spread else 0.0

    return lambda weights_RN: np.array([of_one(weights_N) for weights_N in weights_RN])


def _of_label_sets(rows: Sequence[Row], value: Callable[[Array, Array], Array]) -> Scorer:
    """`value` gets, of each label of the task, right ones twice and all on both sides (R, C).

    The rows name all labels of the task: one that neither side has counts in a mean over labels, as 0.
    """
    names = list(rows[0]["probabilities"])
    true_NC, found_NC = (
        np.array([[name in row[side] for name in names] for row in rows], float)
        for side in ("label", "prediction")
    )
    parts_NK = np.concatenate([2 * true_NC * found_NC, true_NC + found_NC], axis=1)
    return _of_sums(parts_NK, lambda sums: value(sums[:, : len(names)], sums[:, len(names) :]))


def _micro_f1(over_RC: Array, under_RC: Array) -> Array:
    return _ratio(over_RC.sum(1), under_RC.sum(1))


def _macro_f1(over_RC: Array, under_RC: Array) -> Array:
    return _ratio(over_RC, under_RC).mean(1)


def _all_right(rows: Sequence[Row]) -> Scorer:
    return _of_mean([set(row["label"]) == set(row["prediction"]) for row in rows], rows)


_Makers: TypeAlias = dict[str, Callable[[Sequence[Row]], Scorer]]
_OF_NAMES: _Makers = {
    "accuracy": _accuracy,
    "f1_macro": partial(_of_labels, value=f1_macro_of),
    "matthews": partial(_of_labels, value=matthews_of),
}
_SCORERS: dict[str, _Makers] = {
    "sentiment": _OF_NAMES,
    "cloze": _OF_NAMES,
    "multilabel": {
        "accuracy": _all_right,
        "f1_macro": partial(_of_label_sets, value=_macro_f1),
        "f1_micro": partial(_of_label_sets, value=_micro_f1),
    },
    "regression": {"pearson": _pearson, "spearman": _spearman},
    "ner": {**_OF_NAMES, "f1": _entity_f1},
    "qa": {"exact_match": _exact_match, "f1": _answer_f1},
}
