"""Embeddings from neighbours: counted right, the same every time, and alike where tokens are alike."""

from collections import Counter

import numpy as np
import pytest
import torch

from mlm_pretrain.modeling.cooccurrence import WINDOW, cooccurrence_embeddings, count_neighbours

SPECIAL = [0, 1]


def _naive(ids: list[int], segments: list[int]) -> tuple[Counter, Counter]:
    after: Counter = Counter()
    before: Counter = Counter()
    for i, token in enumerate(ids):
        for j in range(max(0, i - WINDOW), min(len(ids), i + WINDOW + 1)):
            if i != j and segments[i] == segments[j] and ids[j] not in SPECIAL:
                (after if j > i else before)[token, ids[j]] += 1 / abs(i - j)
    return after, before


def test_counts_equal_a_naive_count_within_segments() -> None:
    generator = np.random.default_rng(3)
    ids = generator.integers(0, 12, 300)
    segments = np.sort(generator.integers(0, 25, 300))
    counts, frequencies = count_neighbours(iter([(ids, segments)]), 12, SPECIAL)
    np.testing.assert_array_equal(frequencies, np.bincount(ids, minlength=12))
    ranked = sorted((t for t in range(2, 12)), key=lambda t: (-frequencies[t], t))
    for side, naive in enumerate(_naive(ids.tolist(), segments.tolist())):
        for token in range(12):
            for column, neighbour in enumerate(ranked):
                expected = naive[token, neighbour]
                assert counts[side][token, column] == pytest.approx(expected, rel=1e-5)
    assert counts[:, :, len(ranked) :].sum() == 0


def test_blocks_add_up() -> None:
    generator = np.random.default_rng(4)
    ids, segments = generator.integers(2, 9, 400), np.repeat(np.arange(40), 10)
    whole = count_neighbours(iter([(np.tile(ids, 2), np.repeat(np.arange(80), 10))]), 9, SPECIAL)
    parts = count_neighbours(iter([(ids, segments), (ids, segments)]), 9, SPECIAL)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5)


def _language(length: int = 6_000) -> tuple[np.ndarray, np.ndarray]:
    """Tokens 2–5 stand between one kind of neighbours, 6–9 between another; 10–29 are these."""
    generator = np.random.default_rng(5)
    kind = generator.integers(0, 2, length)
    left = 10 + 5 * kind + generator.integers(0, 5, length)
    middle = 2 + 4 * kind + generator.integers(0, 4, length)
    right = 20 + 5 * kind + generator.integers(0, 5, length)
    return np.stack([left, middle, right], 1).reshape(-1), np.repeat(np.arange(length), 3)


def test_tokens_with_the_same_neighbours_point_the_same_way() -> None:
    rows, known = cooccurrence_embeddings(iter([_language()]), 32, 16, SPECIAL, seed=0)
    assert rows.shape == (32, 16)
    assert known.tolist() == [False, False] + [True] * 28 + [False, False]
    assert rows[~known].abs().sum() == 0
    assert rows[known].std().item() == pytest.approx(1.0, rel=1e-4)
    alike = torch.nn.functional.cosine_similarity(rows[2], rows[3:6])
    unlike = torch.nn.functional.cosine_similarity(rows[2], rows[6:10])
    assert alike.min() > 0.8
    assert unlike.max() < 0.2


def test_the_same_seed_gives_the_same_rows_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, _ = cooccurrence_embeddings(iter([_language()]), 32, 16, SPECIAL, seed=7)
    assert torch.equal(torch.rand(3), expected)
    again, _ = cooccurrence_embeddings(iter([_language()]), 32, 16, SPECIAL, seed=7)
    other, _ = cooccurrence_embeddings(iter([_language()]), 32, 16, SPECIAL, seed=8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_more_dimensions_than_tokens_and_hardly_any_text() -> None:
    rows, known = cooccurrence_embeddings(iter([_language()]), 32, 128, SPECIAL, seed=0)
    assert torch.isfinite(rows).all()
    assert known.any()
    few = (np.array([2, 3, 2]), np.array([0, 0, 0]))
    rows, known = cooccurrence_embeddings(iter([few]), 32, 16, SPECIAL, seed=0)
    assert not known.any()
    assert rows.abs().sum() == 0


def test_tokens_without_neighbours_are_not_known() -> None:
    """Segments of one token; and in a normal text, tokens that always stand alone."""
    alone = (np.tile(np.arange(2, 12), 20), np.arange(200))
    rows, known = cooccurrence_embeddings(iter([alone]), 32, 16, SPECIAL, seed=0)
    assert not known.any() and rows.abs().sum() == 0
    ids, segments = _language()
    lonely = np.full(50, 30)
    mixed = (np.concatenate([ids, lonely]), np.concatenate([segments, 10_000 + np.arange(50)]))
    rows, known = cooccurrence_embeddings(iter([mixed]), 32, 16, SPECIAL, seed=0)
    assert known[2:30].all() and not known[30]
    assert rows[known].std().item() == pytest.approx(1.0, rel=1e-4)
