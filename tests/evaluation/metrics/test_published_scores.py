"""Scores by their published definitions, on a thousand random and awkward inputs each.

The definitions are worked out here from counts, so that no library stands on both sides; entities are also
scored by seqeval itself and by the rules of conlleval (Tjong Kim Sang & De Meulder 2003).
"""

from __future__ import annotations

import math
import random
import string
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.evaluation.metrics.squad import exact_matches, normalise, overlaps
from mlm_pretrain.evaluation.metrics.tag_schemes import malformed, repair

_CASES = 1_000
_metric = cache(load_metric)
_LABELS = ["0", "1", "10", "no", "No", "naïve", "a b", "-"]


def _score(name: str, found: list[Any], true: list[Any], **settings: Any) -> dict[str, Any]:
    """Without the table that `evaluate` makes of the inputs first: a thousand take minutes."""
    return dict(_metric(name)._compute(found, true, **settings))


def _labels(generator: random.Random) -> tuple[list[str], list[str]]:
    """Two sides that may share no label, or have but one, or be of one example."""
    names = generator.sample(_LABELS, k=generator.randint(1, 5))
    count = generator.choice([1, 2, 3, 10, 40])
    weights = [generator.random() ** 3 + 1e-3 for _ in names]
    true = generator.choices(names, weights, k=count)
    keep = generator.choice([0.0, 0.5, 0.9, 1.0])
    found = [a if generator.random() < keep else generator.choice(names) for a in true]
    return found, true


def _f1_by_counts(found: list[str], true: list[str], label: str) -> float:
    both = sum(a == b == label for a, b in zip(found, true, strict=True))
    sides = found.count(label) + true.count(label)
    return 2 * both / sides if sides else 0.0


def _matthews_by_covariance(found: list[str], true: list[str]) -> float:
    """Gorodkin 2004: the covariance of the sides' indicators over the root of their variances."""

    def covariance(first: list[str], second: list[str]) -> float:
        total, n = 0.0, len(first)
        for label in {*first, *second}:
            x, y = ([float(each == label) for each in side] for side in (first, second))
            total += sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y) / n
        return total

    spread = covariance(found, found) * covariance(true, true)
    return covariance(found, true) / math.sqrt(spread) if spread > 1e-12 else 0.0


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_scores_of_labels_are_those_of_their_counts() -> None:
    generator = random.Random(0)
    for _ in range(_CASES):
        found, true = _labels(generator)
        right = sum(a == b for a, b in zip(found, true, strict=True))
        assert _score("accuracy", found, true)["accuracy"] == pytest.approx(right / len(true))
        seen = sorted({*found, *true})
        each = [_f1_by_counts(found, true, label) for label in seen]
        assert _score("f1", found, true)["f1"] == pytest.approx(sum(each) / len(each))
        matthews = _score("matthews", found, true)["matthews"]
        assert matthews == pytest.approx(_matthews_by_covariance(found, true), abs=1e-9)
        if len(seen) == 2:
            binary = _score("f1", found, true, average="binary", positive=seen[1])["f1"]
            assert binary == pytest.approx(each[1])


def _quantities(generator: random.Random) -> tuple[list[float], list[float]]:
    """With ties, far from zero, of very different sizes; neither side of one value alone."""
    count = generator.choice([2, 3, 10, 40])
    draw: Callable[[], float] = generator.choice([
        lambda: float(generator.randint(0, 3)),
        lambda: generator.gauss(0, 1),
        lambda: 1e6 + generator.random(),
        lambda: math.exp(generator.gauss(0, 5)),
    ])  # fmt: skip
    while True:
        sides = [draw() for _ in range(count)], [draw() for _ in range(count)]
        if all(len(set(side)) > 1 for side in sides):
            return sides


def _pearson_by_sums(x: list[float], y: list[float]) -> float:
    x, y = ([each - math.fsum(side) / len(side) for each in side] for side in (x, y))
    over = math.fsum(a * b for a, b in zip(x, y, strict=True))
    return over / math.sqrt(math.fsum(a * a for a in x) * math.fsum(b * b for b in y))


def _middle_ranks(values: list[float]) -> list[float]:
    return [sum(v < each for v in values) + (values.count(each) + 1) / 2 for each in values]


def test_correlations_are_those_of_their_sums() -> None:
    generator = random.Random(1)
    for _ in range(_CASES):
        found, true = _quantities(generator)
        pearson = _score("pearson", found, true)["pearson"]
        assert pearson == pytest.approx(_pearson_by_sums(found, true), abs=1e-7)
        ranks = _middle_ranks(found), _middle_ranks(true)
        spearman = _score("spearman", found, true)["spearman"]
        assert spearman == pytest.approx(_pearson_by_sums(*ranks), abs=1e-9)


def _tags(generator: random.Random, length: int) -> list[str]:
    """Well-formed or not: entities that begin inside, change their type, or never end."""
    names = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-MISC-x"]
    return generator.choices(names, k=length)


def _chunks(tags: list[str]) -> set[tuple[int, int, str]]:
    """By conlleval's two rules: where a chunk begins, and where one ends."""
    found, start = set(), 0
    for place, (before, tag) in enumerate(zip(["O", *tags], [*tags, "O"], strict=True)):
        is_new = tag != "O" and (
            before == "O" or tag.startswith("B-") or tag[2:] != before[2:]
        )  # begins here
        if before != "O" and (tag == "O" or is_new):
            found.add((start, place, before[2:]))
        if is_new:
            start = place
    return found


def test_entities_are_counted_as_conlleval_and_seqeval_do() -> None:
    generator = random.Random(2)
    broken = 0
    for _ in range(_CASES):
        lengths = [generator.randint(1, 12) for _ in range(generator.randint(1, 4))]
        true = [repair(_tags(generator, n), "iob2") for n in lengths]
        said = [_tags(generator, n) for n in lengths]
        if generator.random() < 0.3:  # near the truth
            said = [
                [a if generator.random() < 0.8 else b for a, b in zip(*rows, strict=True)]
                for rows in zip(true, said, strict=True)
            ]
        broken += any(malformed(tags, "iob2") for tags in said)
        scores = _score("seqeval", [repair(tags, "iob2") for tags in said], true)
        pairs = [(_chunks(a), _chunks(b)) for a, b in zip(said, true, strict=True)]
        both = sum(len(a & b) for a, b in pairs)
        counts = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
        shares = [both / n if n else 0.0 for n in counts]
        f1 = 2 * both / sum(counts) if sum(counts) else 0.0
        found = [scores[name] for name in ("precision", "recall", "f1")]
        assert found == pytest.approx([*shares, f1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = precision_recall_fscore_support(true, said, average="micro", zero_division=0)
        assert found == pytest.approx([float(score) for score in theirs[:3]])
    assert broken > _CASES / 2


_WORDS = [
    "the", "The", "a", "an", "A.", "theatre", "an-other", "cat", "Cat's", "U.S.", "--", "...", "’", "“it”",
    "naïve", "NAÏVE", "cafe\u0301", "東京", "Ⅻ", "ß", "İ", "42", "4,2", "$", "\u00a0", "\u200b", "\t", "",
]  # fmt: skip


def _words_of(text: str) -> list[str]:
    """SQuAD's words: lower case, without ASCII punctuation, then without the three articles.

    An article is one between characters that are no letter, digit or underscore.
    """
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    words, word = [], ""
    for letter in [*kept, " "]:
        is_inside = letter.isalnum() or letter == "_"
        if not is_inside and word in ("a", "an", "the"):
            words.append(" ")
        elif not is_inside:
            words.append(word)
        word = word + letter if is_inside else ""
        if not is_inside:
            words.append(letter)
    return "".join(words).split()


def _texts(generator: random.Random) -> str:
    return generator.choice([" ", "  ", "\n", ""]).join(
        generator.choices(_WORDS, k=generator.randint(0, 5))
    )


def _overlap(found: list[str], true: list[str], is_first: bool) -> float:
    if not found or not true:
        return 0.0 if is_first else float(found == true)
    shared = (Counter(found) & Counter(true)).total()
    return 2 * shared / (len(found) + len(true))


@pytest.mark.parametrize("version", [1, 2])
def test_answers_are_scored_as_squad_does(version: int) -> None:
    generator = random.Random(version)
    silent = 0
    for _ in range(_CASES):
        found = _texts(generator)
        answers = [_texts(generator) for _ in range(generator.randint(2 - version, 3) or 1)]
        if version == 2 and generator.random() < 0.3:
            answers = []
        if answers and generator.random() < 0.4:
            found = generator.choice(answers).upper()
        assert normalise(found).split() == _words_of(found)
        accepted = [words for words in map(_words_of, answers) if words or version == 1] or [[]]
        silent += accepted == [[]]
        said = _words_of(found)
        exact = max(float(said == words) for words in accepted)
        overlap = max(_overlap(said, words, version == 1) for words in accepted)
        assert exact_matches([found], [answers], version) == [exact]
        assert overlaps([found], [answers], version) == pytest.approx([overlap])
    assert silent > _CASES / 20
