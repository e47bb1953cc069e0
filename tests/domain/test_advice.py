"""What is advised follows from what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from mlm_pretrain.domain.advice import ADAPT, LEAVE, NEW_VOCABULARY, advise


def measured(loss: tuple[float, float] | None, words: float, saved: float, tokens: int) -> Any:
    """What `measure` finds, as far as the advice looks at it."""
    known = (
        {"domain": {"known": loss[0]}, "general": {"known": loss[1]}} if loss else {"why_none": "x"}
    )
    return {
        "domain": {"tokens": tokens, "copies": {"checked": 100, "exact": 1, "near": 0}},
        "fit": {"domain": {"unknown_rate": 0.0, "saved_by_new_words": saved}},
        "words": {"unigrams": {"bits": words, "noise": 0.1}},
        "loss": known,
        "overlap": {},
    }


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (measured(None, 0.48, 0.088, 3_600_000), ADAPT),  # biomedicine
        (measured(None, 0.48, 0.2, 3_600_000), NEW_VOCABULARY),
        (measured(None, 0.34, 0.014, 3_600_000), ADAPT),  # film reviews
        (measured(None, 0.12, 0.003, 9_000_000), LEAVE),  # the general text itself
        (measured(None, 0.48, 0.2, 88_000), ADAPT),  # too little to learn new words from
        (measured(None, 0.90, 0.067, 30_000), LEAVE),  # too little to learn anything from
        (
            measured((0.30, 0.40), 0.12, 0.0, 2_000_000),
            ADAPT,
        ),  # the loss decides where there is one
        (measured((0.40, 0.15), 0.50, 0.0, 2_000_000), LEAVE),  # a model of this very domain
    ],
)
def test_advice_follows_from_the_measures(found: Any, verdict: str) -> None:
    advice = advise(found)
    assert advice["verdict"] == verdict
    assert all(sentence.endswith(".") for sentence in advice["reasons"] + advice["warnings"])


def test_advice_says_what_is_not_known() -> None:
    found = {**measured(None, 0.5, 0.0, 2_000_000), "words": None}
    found["domain"]["copies"]["near"] = 5
    found["fit"]["domain"]["unknown_rate"] = 0.2
    untrained = advise(measured((-0.5, -0.3), 0.5, 0.0, 2_000_000))
    assert any("hardly trained" in sentence for sentence in untrained["warnings"])
    advice = advise(found)
    assert advice["verdict"] == NEW_VOCABULARY
    assert "give general text" in advice["reasons"][0]
    assert "20.0% of the tokens are unknown" in advice["reasons"][1]
    assert any("leave them out" in sentence for sentence in advice["warnings"])
