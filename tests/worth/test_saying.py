"""The sentences, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from made_up import said, variants

from mlm_pretrain.worth.choosing import choose
from mlm_pretrain.worth.families import Comparison
from mlm_pretrain.worth.saying import Findings, keep_sentence, overall, sentences
from mlm_pretrain.worth.variants import Variant
from mlm_pretrain.worth.wording import duration, interval, signed

_OPEN = (
    "There was no control trained as much on other text, so whether it is the domain, or any further "
    "training would have done it, is open."
)


def _findings(
    given: Sequence[Variant], comparisons: Sequence[Comparison], gains: dict[str, float]
) -> Findings:
    metrics = {one.task: "f1" if one.task == "ner" else "accuracy" for one in comparisons}
    counts = dict.fromkeys(metrics, 500)
    found = Findings(
        given, comparisons, choose(given, gains, dict.fromkeys(gains, "not shown")), metrics,
        seeds=5, examples=counts, drawn=counts,
    )  # fmt: skip
    verdicts = {variant.name: found.verdict(variant.name) for variant in given}
    return replace(found, choice=choose(given, gains, verdicts))


def test_it_is_the_domain() -> None:
    comparisons = [
        said("DAPT", "base", (1.8, 0.6, 3.0), "better"),
        said("wiki", "base", (0.2, -0.8, 1.1), "not shown"),
        said("DAPT", "wiki", (1.6, 0.3, 2.9), "better", family="domain"),
    ]
    found = _findings(variants("DAPT", control="wiki"), comparisons, {"DAPT": 0.021})
    assert overall(found) == "worth it"
    assert sentences(found) == [
        "Worth it: DAPT gives +1.8 F1 on ner (0.6 to 3.0) for 54 minutes of training.",
        "On ner the control wiki gives +0.2 (−0.8 to 1.1) over the base, and DAPT is +1.6 (0.3 to 2.9) "
        "beside it: it is the domain.",
    ]
    assert keep_sentence(found) == (
        "Keep DAPT: of those whose gain is shown it is the first on the validation files (+2.1 there)."
    )


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        ("not shown", "that it is the domain, and not any further training, is not shown."),
        ("worse", "other text did more, so it is not the domain."),
    ],
)
def test_a_gain_that_the_control_has_too(verdict: str, answer: str) -> None:
    """However clear the gain over the base is, and however unclear the control's."""
    comparisons = [
        said("DAPT", "base", (1.8, 0.6, 3.0), "better"),
        said("wiki", "base", (1.2, -0.1, 2.5), "not shown"),
        said("DAPT", "wiki", (0.6, -0.7, 1.9), verdict, family="domain"),
    ]
    found = _findings(variants("DAPT", control="wiki"), comparisons, {"DAPT": 0.021})
    assert sentences(found)[1].endswith(answer)


def test_a_control_that_was_trained_less_proves_no_domain() -> None:
    base, adapted, control = variants("DAPT", control="wiki")
    given = [base, adapted, replace(control, cost={"seconds": 600.0})]
    comparisons = [
        said("DAPT", "base", (1.8, 0.6, 3.0), "better"),
        said("wiki", "base", (0.2, -0.8, 1.1), "not shown"),
        said("DAPT", "wiki", (1.6, 0.3, 2.9), "better", family="domain"),
    ]
    told = sentences(_findings(given, comparisons, {"DAPT": 0.021}))[1]
    assert told.endswith("not trained as much, so it may be the domain or the training.")


def test_nothing_shown() -> None:
    comparisons = [
        said("TAPT", "base", (0.1, -1.2, 1.4), "not shown"),
        said("DAPT", "base", (0.4, -0.9, 1.7), "not shown"),
    ]
    found = _findings(variants("TAPT", "DAPT"), comparisons, {"TAPT": -0.001, "DAPT": 0.002})
    assert overall(found) == "not shown"
    assert sentences(found) == [
        "Not shown: DAPT gives +0.4 F1 on ner (−0.9 to 1.7) for 54 minutes of training.",
        "With 5 seeds and 500 examples that cannot be told from chance; the brackets say how much it may be "
        "either way.",
    ]
    asked = replace(found, drawn=dict.fromkeys(found.examples, 40))
    assert "and 500 questions on 40 paragraphs that cannot be told" in sentences(asked)[1]
    assert keep_sentence(found).startswith(
        "Keep the base, base: no gain of an adapted model is shown."
    )


def test_harm_is_said() -> None:
    comparisons = [
        said("TAPT", "base", (0.1, -1.2, 1.4), "not shown"),
        said("DAPT", "base", (-2.1, -3.0, -1.2), "worse"),
    ]
    found = _findings(variants("TAPT", "DAPT"), comparisons, {"TAPT": 0.01, "DAPT": -0.03})
    assert overall(found) == "harmful"
    assert sentences(found) == [
        "Harmful: DAPT gives −2.1 F1 on ner (−3.0 to −1.2) for 54 minutes of training.",
        "Of TAPT neither gain nor loss is shown.",
    ]


def test_several_tasks() -> None:
    comparisons = [
        said("DAPT", "base", (1.8, 0.6, 3.0), "better"),
        said("DAPT", "base", (0.3, -0.9, 1.5), "not shown", task="trec"),
    ]
    found = _findings(variants("DAPT"), comparisons, {"DAPT": 0.01})
    assert sentences(found) == [
        "Worth it: for 54 minutes of training DAPT gives +1.8 F1 on ner (0.6 to 3.0), +0.3 accuracy on trec "
        "(−0.9 to 1.5), not shown.",
        _OPEN,
    ]
    comparisons[1] = said("DAPT", "base", (-1.3, -2.0, -0.6), "worse", task="trec")
    found = _findings(variants("DAPT"), comparisons, {"DAPT": 0.01})
    assert overall(found) == "depends on the task" and found.choice.keep == "base"
    assert sentences(found)[0].startswith("Depends on the task: for 54 minutes of")


def test_who_came_before_the_kept_one_is_said() -> None:
    comparisons = [
        said("TAPT", "base", (1.5, 0.4, 2.6), "better"),
        said("DAPT", "base", (1.2, -0.3, 2.7), "not shown"),
    ]
    found = _findings(variants("TAPT", "DAPT"), comparisons, {"TAPT": 0.01, "DAPT": 0.02})
    assert "Before it came DAPT, with no gain shown." in keep_sentence(found)


def test_numbers_as_they_are_said() -> None:
    assert [signed(x) for x in (0.018, -0.004, 0.0004, -0.0004)] == ["+1.8", "−0.4", "0.0", "0.0"]
    assert interval(-0.008, 0.011) == "−0.8 to 1.1"
    times = [duration(seconds) for seconds in (1, 40, 90, 3_240, 7_200, 90_000)]
    assert times == ["1 second", "40 seconds", "2 minutes", "54 minutes", "2.0 hours", "25.0 hours"]
