"""What is kept: by validation, with the test files as a gate and nothing more."""

from __future__ import annotations

from itertools import product

import pytest
from made_up import variants

from mlm_pretrain.worth.choosing import choose

_VARIANTS = variants("a", "b", control="other")
_GAINS = {"base": 0.0, "a": 0.02, "b": 0.03, "other": 0.05}


@pytest.mark.parametrize(
    ("a", "b", "kept"),
    [
        ("better", "better", "b"),  # ahead on validation, whatever the test files' differences are
        ("better", "not shown", "a"),
        ("worse", "not shown", "base"),
        ("better and worse", "better", "b"),
        ("better and worse", "worse", "base"),
    ],
)
def test_the_first_by_validation_whose_gain_is_shown(a: str, b: str, kept: str) -> None:
    choice = choose(_VARIANTS, _GAINS, {"base": "not shown", "a": a, "b": b, "other": "better"})
    assert (choice.keep, choice.first, choice.order) == (kept, "b", ("b", "a", "base"))


def test_verdicts_change_who_passes_but_never_the_order() -> None:
    for a, b in product(("better", "worse", "not shown"), repeat=2):
        choice = choose(_VARIANTS, _GAINS, {"base": "not shown", "a": a, "b": b, "other": a})
        assert choice.order == ("b", "a", "base")
        assert choice.keep == ("b" if b == "better" else "a" if a == "better" else "base")


def test_a_control_is_not_kept_and_copies_are_behind_the_base() -> None:
    same = dict.fromkeys(_GAINS, 0.0)
    choice = choose(_VARIANTS, same, dict.fromkeys(_GAINS, "not shown") | {"other": "better"})
    assert (choice.keep, choice.order) == ("base", ("base", "a", "b"))
