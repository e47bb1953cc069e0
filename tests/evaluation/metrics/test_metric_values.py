"""Metric values against values worked out by hand."""

from __future__ import annotations

import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric, metric_names
from mlm_pretrain.evaluation.metrics.squad import normalise, token_f1
from mlm_pretrain.evaluation.metrics.tag_schemes import guess_scheme, malformed, repair


def compute(name: str, predictions: list, references: list, **settings: object) -> dict:
    return load_metric(name).compute(predictions=predictions, references=references, **settings)


def test_classification_metrics_by_hand() -> None:
    references = ["a", "a", "a", "b", "b", "c"]
    predictions = ["a", "a", "b", "b", "a", "a"]
    assert compute("accuracy", predictions, references)["accuracy"] == pytest.approx(3 / 6)
    # a: P 2/4, R 2/3; b: P 1/2, R 1/2; c: never predicted, 0.
    expected = ((2 * 2 / (4 + 3)) + 1 / 2 + 0) / 3
    assert compute("f1", predictions, references)["f1"] == pytest.approx(expected)
    binary = compute("f1", ["1", "1", "0"], ["1", "0", "0"], average="binary")
    assert binary["f1"] == pytest.approx(2 / 3)
    # (tp·tn − fp·fn) / sqrt(…) with tp 2, tn 1, fp 1, fn 1.
    matthews = compute("matthews", ["1", "1", "1", "0", "0"], ["1", "1", "0", "0", "1"])
    assert matthews["matthews"] == pytest.approx((2 * 1 - 1 * 1) / (3 * 3 * 2 * 2) ** 0.5)


def test_numbers_and_text_labels_score_the_same() -> None:
    by_number = compute("accuracy", [0, 1, 1], [0, 1, 0])
    assert by_number == compute("accuracy", list("011"), list("010"))


def test_correlations_by_hand() -> None:
    # Deviations −1, 0, 1 and −2, −1, 3: 5 / sqrt(2 · 14).
    assert compute("pearson", [1, 2, 3], [1, 2, 6])["pearson"] == pytest.approx(5 / 28**0.5)
    # Ranks 1 2 3 4 and 1 3 2 4: 1 − 6·2 / (4·15).
    assert compute("spearman", [1, 2, 3, 4], [1, 30, 20, 99])["spearman"] == pytest.approx(0.8)
    with pytest.raises(InputError, match="two different values"):
        compute("pearson", [1, 1], [1, 2])


def test_entities_count_only_when_type_and_both_ends_are_right() -> None:
    references = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "O"]]
    predictions = [["B-PER", "O", "O", "B-LOC"], ["O", "B-PER", "O"]]
    scores = compute("seqeval", predictions, references)
    assert (scores["precision"], scores["recall"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert scores["f1"] == pytest.approx(1 / 3)
    assert scores["accuracy"] == pytest.approx(5 / 7)
    assert scores["per_type"]["LOC"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2.0,
    }


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", ["I-PER", "I-PER", "B-PER", "O", "I-LOC"]),
        ("iob2", ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]),
        ("iobes", ["B-PER", "E-PER", "S-PER", "O", "S-LOC"]),
        ("bilou", ["B-PER", "L-PER", "U-PER", "O", "U-LOC"]),
    ],
)
def test_every_scheme_spells_the_same_entities(scheme: str, tags: list[str]) -> None:
    missed = [tags[0], tags[1], "O", "O", tags[4]]
    scores = compute("seqeval", [missed], [tags], scheme=scheme)
    assert (scores["precision"], scores["recall"]) == (1.0, pytest.approx(2 / 3))
    assert repair(tags, scheme) == tags
    assert guess_scheme(tags) == ("iob2" if scheme == "iob1" else scheme)


@pytest.mark.parametrize(
    ("scheme", "tags", "position"),
    [
        ("iob2", ["O", "I-PER"], 1),
        ("iob2", ["B-PER", "I-LOC"], 1),
        ("iob2", ["O", "S-PER"], 1),
        ("iob2", ["O", "PER"], 1),
        ("iob2", ["O", "B-"], 1),
        ("iobes", ["B-PER", "O"], 1),
        ("iobes", ["B-PER", "B-PER"], 1),
        ("iobes", ["O", "B-PER"], 1),
        ("iobes", ["S-PER", "E-PER"], 1),
        ("bilou", ["B-PER", "E-PER"], 1),
    ],
)
def test_malformed_tags_are_an_error_and_can_be_repaired(
    scheme: str, tags: list[str], position: int
) -> None:
    found = malformed(tags, scheme)
    assert found is not None and found[0] == position
    with pytest.raises(InputError, match=f"references: sentence 1, tag {position}"):
        compute("seqeval", [["O"], ["O"] * len(tags)], [["O"], tags], scheme=scheme)
    if all(tag == "O" or (tag[1:2] == "-" and tag[2:]) for tag in tags):
        assert malformed(repair(tags, scheme), scheme) is None


def test_squad_by_hand() -> None:
    assert normalise("The  Quick, brown-fox!") == "quick brownfox"
    assert token_f1("the red cat", "a cat sat") == pytest.approx(2 * (1 / 2) * (1 / 2) / 1)
    scores = compute("squad", ["The Cat", "red cat", ""], [["cat"], ["cat", "dog"], []])
    assert scores["exact_match"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert scores["has_answer_f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["no_answer_accuracy"] == 1.0


def test_squad_versions_differ_in_answers_that_are_only_articles() -> None:
    assert token_f1("", "", version=1) == 0.0
    assert token_f1("", "", version=2) == 1.0
    assert compute("squad", ["x"], [["the", "x y"]], version=2)["f1"] == pytest.approx(2 / 3)


def test_metrics_add_up_over_batches_and_unknown_names_are_explained() -> None:
    metric = load_metric("accuracy")
    metric.add_batch(predictions=["a", "b"], references=["a", "a"])
    metric.add_batch(predictions=["b"], references=["b"])
    assert metric.compute()["accuracy"] == pytest.approx(2 / 3)
    assert len(metric_names()) == 10
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        load_metric("acuracy")
