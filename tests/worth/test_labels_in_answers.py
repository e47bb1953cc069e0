"""What a gain is worth in labels, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlm_pretrain.evaluation.statistics import Scorer
from mlm_pretrain.worth.labels import reached, reached_text

_FOUND: dict[str, Any] = {
    "of": 1_000, "labels": 310, "low": 32, "high": 640, "fewest": 32, "at_most": False,
    "not_reached": False, "low_not_reached": False, "high_not_reached": False,
}  # fmt: skip


def test_an_end_of_the_interval_that_is_a_bound_says_so() -> None:
    ends = {"low_at_most": False, "high_at_most": False}
    assert reached_text(_FOUND | ends) == "about 310 labels (32 to 640), of 1,000"
    told = "about 310 labels (32 or fewer to 640), of 1,000"
    assert reached_text(_FOUND | ends | {"low_at_most": True}) == told
    assert reached_text(_FOUND) == told  # of before, when it was not written down
    none = _FOUND | ends | {"high_not_reached": True}
    assert reached_text(none) == "about 310 labels (32 to more than 1,000), of 1,000"


def _scorers(*scores: float) -> list[Scorer]:
    return [lambda weights, score=score: np.full(len(weights), score) for score in scores]


def test_the_ends_are_those_of_the_curve() -> None:
    curve = {32: _scorers(0.49, 0.51), 100: _scorers(0.7, 0.72), 1_000: _scorers(0.9, 0.9)}
    found = reached(_scorers(0.52, 0.54), curve, 1)
    assert (found["at_most"], found["low_at_most"], found["high_at_most"]) == (False, True, False)
    assert found["low"] == 32 < found["labels"] < 100
