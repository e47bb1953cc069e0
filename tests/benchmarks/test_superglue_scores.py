"""Official scores by hand, and what the site gets, from predictions that are written here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from superglue_samples import CONVERTED

from benchmarks.superglue_scores import SCORES, merged
from benchmarks.superglue_submission import site_lines


def _guesses(*chances: float) -> list[dict[str, Any]]:
    return [
        {"prediction": "true" if p > 0.5 else "false", "probabilities": {"false": 1 - p, "true": p}}
        for p in chances
    ]


def _lines(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site_lines(name, rows).splitlines()]


def test_a_choice_is_the_likelier_one_whatever_each_is_called() -> None:
    # Both choices of the first question are called false, both of the second true.
    rows = merged(CONVERTED["COPA"], _guesses(0.2, 0.1, 0.6, 0.9))
    assert SCORES["COPA"](rows) == {"accuracy": 1.0}
    assert _lines("COPA", rows) == [{"idx": 0, "label": 0}, {"idx": 7, "label": 1}]
    rows = merged(CONVERTED["COPA"], _guesses(0.8, 0.9, 0.6, 0.9))
    assert SCORES["COPA"](rows) == {"accuracy": 0.5}
    assert _lines("COPA", rows) == [{"idx": 0, "label": 1}, {"idx": 7, "label": 1}]


def test_multirc_s_f1_is_over_answers_and_its_match_over_questions() -> None:
    # Truth 1 0 | 1; said 1 1 | 1: of three said two are right, and both true ones are found.
    rows = merged(CONVERTED["MultiRC"], _guesses(0.9, 0.7, 0.6))
    precision, recall = 2 / 3, 1.0
    f1 = 2 * precision * recall / (precision + recall)
    assert SCORES["MultiRC"](rows) == {"f1a": pytest.approx(f1), "em": 0.5}
    questions = [
        {"idx": 11, "answers": [{"idx": 40, "label": 1}, {"idx": 41, "label": 1}]},
        {"idx": 12, "answers": [{"idx": 42, "label": 1}]},
    ]
    assert _lines("MultiRC", rows) == [{"idx": 3, "passage": {"questions": questions}}]
    # Nothing is said to be true: no F1, and the question with a false answer alone is wrong too.
    rows = merged(CONVERTED["MultiRC"], _guesses(0.1, 0.1, 0.1))
    assert SCORES["MultiRC"](rows) == {"f1a": 0.0, "em": 0.0}


def test_questions_of_two_passages_are_told_apart() -> None:
    """Numbers of questions may begin anew with each passage."""
    rows = [
        {"idx": {"paragraph": p, "question": 0, "answer": 0}, "label": label, "text": ""}
        for p, label in ((0, "true"), (1, "false"))
    ]
    found = merged(rows, _guesses(0.9, 0.9))
    assert SCORES["MultiRC"](found)["em"] == 0.5
    assert [line["idx"] for line in _lines("MultiRC", found)] == [0, 1]


def test_an_entity_counts_by_the_answer_it_is_most_like() -> None:
    def query(number: int, entities: list[str], answers: list[str]) -> list[dict[str, Any]]:
        idx = {"passage": 0, "query": number}
        return [{"idx": idx, "entity": name, "answers": answers} for name in entities]

    rows = [
        *query(0, ["New York City", "Oslo"], ["Oslo", "York City"]),  # words 3, 2; shared 2
        *query(1, ["The  U.S.", "Rome"], ["Rome", "US"]),  # equal once normalised
        *query(2, ["Anna", "Boris"], ["Clara"]),
    ]
    found = merged(rows, _guesses(0.3, 0.2, 0.9, 0.8, 0.4, 0.4))
    f1 = 2 * (2 / 3) * 1 / (2 / 3 + 1)
    assert SCORES["ReCoRD"](found) == {
        "f1": pytest.approx((f1 + 1 + 0) / 3),
        "em": pytest.approx(1 / 3),
    }
    assert _lines("ReCoRD", found) == [
        {"idx": 0, "label": "New York City"},
        {"idx": 1, "label": "The  U.S."},
        {"idx": 2, "label": "Anna"},  # of equal ones the first
    ]


def test_cb_s_f1_is_the_mean_over_its_labels() -> None:
    true = ["entailment", "entailment", "contradiction", "neutral"]
    said = ["entailment", "contradiction", "contradiction", "contradiction"]
    rows = [
        {"idx": n, "label": a, "prediction": b}
        for n, (a, b) in enumerate(zip(true, said, strict=True))
    ]
    # entailment: P 1, R 1/2; contradiction: P 1/3, R 1; neutral: none found.
    f1 = (2 / 3 + 1 / 2 + 0) / 3
    assert SCORES["CB"](rows) == {"accuracy": 0.5, "f1": pytest.approx(f1)}
    assert _lines("CB", rows)[1] == {"idx": 1, "label": "contradiction"}


@pytest.mark.parametrize("name", ["BoolQ", "WiC"])
def test_of_truths_the_right_ones_are_counted(name: str) -> None:
    rows = merged([{"idx": n, "label": "true"} for n in range(4)], _guesses(0.9, 0.6, 0.8, 0.1))
    assert SCORES[name](rows) == {"accuracy": 0.75}
    assert _lines(name, rows)[3] == {"idx": 3, "label": "false"}
