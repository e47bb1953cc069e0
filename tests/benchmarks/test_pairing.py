"""Differences over seeds and their intervals."""

from __future__ import annotations

import math
import random

import pytest
from scipy.stats import ttest_rel

from benchmarks.pairing import paired_interval, paired_text


def test_the_interval_is_that_of_the_paired_test() -> None:
    chance = random.Random(0)
    first = [chance.gauss(70, 3) for _ in range(5)]
    second = [score + chance.gauss(0.5, 0.4) for score in first]
    expected = ttest_rel(second, first).confidence_interval(0.95)
    mean, low, high = paired_interval(first, second)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert mean == pytest.approx((low + high) / 2)


def test_its_words() -> None:
    assert paired_text([70.0, 71.0], [69.0, 71.5]) == "−0.2 (−9.8 to 9.3)"
    assert paired_text([70.0], [71.0]) == "+1.0"
    assert paired_interval([70.0], [71.0]) == (1.0, -math.inf, math.inf)
