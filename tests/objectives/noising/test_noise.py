"""Noise: what it takes away can be put back, and it takes as much as it is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from noisy import END, FULL_STOP, MASK, SENTINELS, START, WORDS, restored, segment, vocabulary

from mlm_pretrain.objectives.noising.config import BartNoise, MixtureNoise, SpanNoise
from mlm_pretrain.objectives.noising.disorder import delete, permute_sentences, rotate
from mlm_pretrain.objectives.noising.infilling import infill, span_lengths
from mlm_pretrain.objectives.noising.mixture import mixed_spans
from mlm_pretrain.objectives.noising.pairs import noised
from mlm_pretrain.objectives.noising.segment import split_ends
from mlm_pretrain.objectives.noising.sentinels import with_sentinels
from mlm_pretrain.objectives.noising.spans import random_parts, random_spans
from mlm_pretrain.objectives.vocabulary import Ids

TOY = vocabulary()
NOISES: dict[str, Any] = {
    "bart": BartNoise(),
    "all of bart": BartNoise(ratio=0.5, mean_span=0.5, deletion=0.3, rotation=0.5),
    "t5": SpanNoise(),
    "much": SpanNoise(ratio=0.9, mean_span=1),
    "ul2": MixtureNoise(),
    "rest": MixtureNoise(regular_weight=0, extreme_weight=0),
}


def test_the_ends_of_a_segment() -> None:
    found = split_ends(np.array([START, START, 1, 9, START, 8, 1, END]), TOY)
    assert [part.tolist() for part in found] == [[START, START], [1, 9, START, 8, 1], [END]]
    assert [len(part) for part in split_ends(np.array([START, END]), TOY)] == [2, 0, 0]


def test_sentinels_of_a_sentence_counted_by_hand() -> None:
    text_T, hidden_T = np.array([10, 11, 12, 13, 14, 15]), np.array([1, 0, 0, 1, 1, 0], dtype=bool)
    source, target = with_sentinels(text_T, hidden_T, SENTINELS)
    assert source.tolist() == [400, 11, 12, 401, 15]
    assert target.tolist() == [400, 10, 401, 13, 14, 402]


@pytest.mark.parametrize("name", NOISES)
def test_source_and_target_give_the_segment_back(name: str) -> None:
    rng = np.random.default_rng(0)
    changed = 0
    for text in [*range(2, 40), 300]:
        ids_L = segment(rng, text)
        pair = noised(ids_L, TOY, NOISES[name], rng)
        assert pair is not None
        assert restored(*pair).tolist() == ids_L.tolist()
        assert max(len(pair.source_S), len(pair.target_D)) <= len(ids_L)
        assert (pair.source_S[0], pair.source_S[-1], pair.target_D[-1]) == (START, END, END)
        left = Counter(pair.source_S.tolist()) - Counter([MASK] * text + SENTINELS.tolist())
        assert not left - Counter(ids_L.tolist())  # nothing was made up
        changed += pair.source_S.tolist() != ids_L.tolist()
    assert changed >= 35
    assert noised(segment(rng, 1), TOY, NOISES[name], rng) is None


@pytest.mark.parametrize(("ratio", "mean_span"), [(0.15, 3.0), (0.5, 8.0), (0.15, 1.0)])
def test_spans_are_as_many_and_as_long_as_asked(ratio: float, mean_span: float) -> None:
    rng = np.random.default_rng(1)
    noise = SpanNoise(ratio=ratio, mean_span=mean_span)
    drawn = [random_spans(200, noise, 1000, rng) for _ in range(400)]
    spans = sum(int((np.diff(d.astype(int), prepend=0) == 1).sum()) for d in drawn)
    hidden_T = np.mean(drawn, axis=0)
    assert hidden_T.mean() == pytest.approx(ratio, abs=1e-3)
    assert 400 * 200 * hidden_T.mean() / spans == pytest.approx(mean_span, rel=0.01)
    assert hidden_T.min() > 0  # at every place
    assert hidden_T[20:-20].mean() == pytest.approx(ratio, rel=0.1)
    few = [np.diff(random_spans(200, noise, 3, rng).astype(int), prepend=0) for _ in range(9)]
    assert {int((steps == 1).sum()) for steps in few} == {3}


def test_masks_stand_for_as_many_tokens_as_poisson_says() -> None:
    rng = np.random.default_rng(2)
    lengths_K = span_lengths(60_000, 3.0, rng)
    assert lengths_K.sum() == 60_000
    shares = [np.mean(lengths_K == n) for n in range(6)]
    expected = [0.0498, 0.1494, 0.2240, 0.2240, 0.1680, 0.1008]
    assert shares == pytest.approx(expected, abs=0.01)
    text_T = WORDS[:300]
    seen = [infill(text_T, MASK, 0.3, 3.0, rng) for _ in range(300)]
    kept = [int((ids != MASK).sum()) for ids in seen]
    assert np.mean(kept) == pytest.approx(210, abs=0.5)
    for ids in seen:
        words = ids[ids != MASK]
        assert (np.diff(words) > 0).all()  # in their order
    assert any((ids[-1] == MASK) for ids in seen) and any((ids[0] == MASK) for ids in seen)


def test_a_mask_of_no_token_is_an_insertion() -> None:
    rng = np.random.default_rng(3)
    is_inserted = []
    for _ in range(300):
        ids = infill(np.arange(10, 20), MASK, 0.2, 1.0, rng)
        around = "".join(f"{i} " for i in ids.tolist())
        is_inserted.append(any(f"{n} {MASK} {n + 1} " in around for n in range(10, 19)))
        assert len(ids) <= 10
    assert 20 < sum(is_inserted) < 280


def test_deletion_rotation_and_sentences() -> None:
    rng = np.random.default_rng(4)
    kept = [len(delete(WORDS[:100], 0.25, rng)) for _ in range(50)]
    assert set(kept) == {75} and len(delete(np.array([7]), 0.99, rng)) == 1
    turned = rotate(WORDS[:50], rng)
    begin = int(np.argmin(turned))
    assert np.concatenate([turned[begin:], turned[:begin]]).tolist() == WORDS[:50].tolist()
    text_T = np.array([6, 7, FULL_STOP, 8, 9, FULL_STOP, 10, FULL_STOP, 11])
    orders = set()
    for _ in range(100):
        found = permute_sentences(text_T, TOY, "en", rng).tolist()
        orders.add(tuple(found))
        assert found[found.index(6) : found.index(6) + 3] == [6, 7, FULL_STOP]
    assert len(orders) == 24


def test_parts_are_drawn_evenly() -> None:
    rng = np.random.default_rng(5)
    seen = Counter(tuple(random_parts(5, 3, rng).tolist()) for _ in range(6000))
    assert len(seen) == 6 and min(seen.values()) > 850


def test_denoisers_come_in_their_proportions() -> None:
    rng = np.random.default_rng(6)

    def sort(hidden_T: Ids) -> str:
        if hidden_T[-1] and (np.diff(hidden_T.astype(int)) == 1).sum() == 1 and not hidden_T[0]:
            return "rest"
        return "regular" if hidden_T.mean() < 0.2 else "extreme"

    noise = MixtureNoise(regular_weight=5, extreme_weight=3, sequential_weight=2,
                         extreme=(SpanNoise(ratio=0.5),))  # fmt: skip
    drawn = Counter(sort(mixed_spans(400, noise, 1000, rng)) for _ in range(2000))
    shares = [drawn[name] / 2000 for name in ("regular", "extreme", "rest")]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
