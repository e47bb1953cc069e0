"""Which tokens are predicted, and what the model sees in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xxhash
from numpy.typing import NDArray
from one_row import choose_tokens, masked, row_of_words

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masked import MaskedCollator
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.rows import mask_rows
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.vocabulary import Vocabulary

CLS, SEP, MASK = 2, 3, 4
UNITS = ["token", "word", "span", "ngram"]


def ordinary_row(length: int) -> NDArray[np.int64]:
    """Words and continuations at random, none special."""
    return np.random.default_rng(0).integers(5, 37, size=length)


def is_special(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    return ids < 5


def test_shares_and_ratio_are_as_asked(toy: Vocabulary) -> None:
    ids_T = ordinary_row(20_000)
    config, rng = MaskedConfig(ratio=0.3), np.random.default_rng(7)
    seen_T, chosen_T = masked(ids_T, toy, config, rng)
    assert chosen_T.sum() == 6_000
    hidden = (seen_T[chosen_T] == MASK).sum()
    changed = ((seen_T != ids_T) & (seen_T != MASK)).sum()
    # Four standard deviations of a binomial; one random id in 32 happens to be the right one.
    assert abs(hidden - 0.8 * 6_000) < 4 * (6_000 * 0.8 * 0.2) ** 0.5
    assert abs(changed - 0.1 * 6_000 * 31 / 32) < 4 * (6_000 * 0.1 * 0.9) ** 0.5
    assert np.array_equal(seen_T[~chosen_T], ids_T[~chosen_T])


def test_every_position_is_equally_likely(toy: Vocabulary) -> None:
    ids_T = np.array([CLS, *range(5, 15), SEP])
    config, rng = MaskedConfig(ratio=0.3), np.random.default_rng(7)
    counts = sum(choose_tokens(ids_T, toy, config, rng).astype(int) for _ in range(2_000))
    assert counts[0] == counts[-1] == 0
    assert np.abs(counts[1:-1] - 600).max() < 5 * (2_000 * 0.3 * 0.7) ** 0.5


@pytest.mark.parametrize("unit", UNITS)
def test_specials_are_never_chosen_and_never_inserted(toy: Vocabulary, unit: str) -> None:
    ids_T = np.random.default_rng(1).integers(0, 37, size=2_000)
    config = MaskedConfig(ratio=0.5, unit=unit, mask_share=0, random_share=1)
    rng = np.random.default_rng(7)
    inserted: set[int] = set()
    for _ in range(10):
        seen_T, chosen_T = masked(ids_T, toy, config, rng)
        assert not is_special(ids_T[chosen_T]).any()
        inserted |= set(seen_T[chosen_T].tolist())
    assert inserted == set(range(5, 37))  # every ordinary id, the first and last too, and no other


@pytest.mark.parametrize(
    ("mask_share", "random_share", "kept"), [(1.0, 0.0, 0), (0.0, 1.0, 0), (0.0, 0.0, 1)]
)
def test_knobs_at_their_ends(
    toy: Vocabulary, mask_share: float, random_share: float, kept: int
) -> None:
    ids_T = ordinary_row(500)
    config = MaskedConfig(ratio=0.4, mask_share=mask_share, random_share=random_share)
    rng = np.random.default_rng(7)
    seen_T, chosen_T = masked(ids_T, toy, config, rng)
    assert (seen_T[chosen_T] == MASK).all() == (mask_share == 1)
    assert (seen_T == MASK).any() == (mask_share == 1)
    assert ((seen_T == ids_T)[chosen_T]).all() == bool(kept)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("ids", [[CLS, 9, SEP], [9], [CLS, SEP, CLS, 9, 35, 36, SEP]])
def test_at_least_one_token_is_predicted(toy: Vocabulary, unit: str, ids: list[int]) -> None:
    config = MaskedConfig(ratio=0.01, unit=unit)
    for seed in range(20):
        chosen_T = choose_tokens(np.array(ids), toy, config, np.random.default_rng(seed))
        assert chosen_T.any()
        assert not chosen_T[is_special(np.array(ids))].any()


@pytest.mark.parametrize("unit", UNITS)
def test_a_row_of_specials_alone_has_nothing_to_predict(toy: Vocabulary, unit: str) -> None:
    batch = MaskedCollator(toy, MaskedConfig(unit=unit), seed=0)([{"input_ids": [CLS, SEP]}])
    assert (batch["labels"] == -100).all()
    assert batch["input_ids"][0, :2].tolist() == [CLS, SEP]


@pytest.mark.parametrize("unit", ["word", "span", "ngram"])
def test_the_number_of_tokens_is_within_one_word_of_the_ratio(toy: Vocabulary, unit: str) -> None:
    config = MaskedConfig(ratio=0.25, unit=unit)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        ids_T, longest = row_of_words(rng, CLS, SEP)
        chosen = choose_tokens(ids_T, toy, config, rng).sum()
        wanted = round(0.25 * (len(ids_T) - 2))
        assert wanted - longest < chosen <= wanted  # no last word goes beyond it


def test_words_are_taken_as_one_by_one(toy: Vocabulary) -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        words = [[5, *[35] * rng.integers(0, 5)] for _ in range(30)]
        ids_T = np.array([CLS, *(piece for word in words for piece in word), SEP])
        config = MaskedConfig(ratio=rng.uniform(0.02, 0.9), unit="word")
        firsts = 1 + np.cumsum([0, *map(len, words[:-1])])
        order = np.argsort(np.random.default_rng(seed).random((1, len(ids_T)))[0, firsts])
        wanted = left = max(1, round(config.ratio * (len(ids_T) - 2)))
        expected = np.zeros(len(ids_T), dtype=bool)
        for word in order:
            size = len(words[word])
            if left > 0 and (size <= left or left == wanted):
                expected[firsts[word] : firsts[word] + size] = True
                left -= size
        found = choose_tokens(ids_T, toy, config, np.random.default_rng(seed))
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("count", [None, 6])
@pytest.mark.parametrize("is_varied", [False, True])
@pytest.mark.parametrize("unit", UNITS)
def test_a_rows_mask_does_not_depend_on_its_neighbours(
    toy: Vocabulary, unit: str, is_varied: bool, count: int | None
) -> None:
    """Nor, where they are given, on the shares of the others."""
    config = MaskedConfig(unit=unit, count=count)
    source = np.random.default_rng(3)
    rows = [source.integers(0, 37, size=n) for n in (40, 1, 0, 17, 80, 2, 0)]
    ratios = np.linspace(0.1, 0.9, 7) if is_varied else None
    weights = source.uniform(0.1, 4, size=37) if is_varied else None
    drawing = [np.random.default_rng(n) for n in range(7)]
    together = mask_rows(rows, toy, config, drawing, ratios, weights)
    for number, row in enumerate(rows):
        ratio = None if ratios is None else ratios[[number]]
        drawing = [np.random.default_rng(number)]
        alone = mask_rows([row], toy, config, drawing, ratio, weights)
        for found, expected in zip(together, alone, strict=True):
            assert np.array_equal(found[number], expected[0])


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("token", "96ebb49cb786495a"), ("word", "6d2e24759e5be7cd"), ("span", "50560670e29f4ea9")],
)
def test_masks_stay_what_they_were(toy: Vocabulary, unit: str, expected: str) -> None:
    """Another version of the package must not mask otherwise: recorded losses and resumes hang on it."""
    rows = [np.arange(length) * 11 % 37 for length in (128, 40, 1, 300)]
    drawing = row_generators(0, [(0, number) for number in range(4)])
    masks = mask_rows(rows, toy, MaskedConfig(unit=unit), drawing)
    lines = np.stack([np.concatenate(part) for part in masks]).astype("<i8")
    assert xxhash.xxh3_64_hexdigest(lines.tobytes()) == expected


def test_settings_that_contradict_each_other_are_refused(toy_tokenizer: Any) -> None:
    with pytest.raises(InputError, match=r"^a\.yaml: mask_share \+ random_share must not exceed 1"):
        build_config(MaskedConfig, {"mask_share": 0.9, "random_share": 0.2}, "a.yaml")


def test_a_tokenizer_without_a_mask_token_is_refused(toy: Vocabulary) -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="no mask token"):
        MaskedCollator(replace(toy, mask_id=None), MaskedConfig(), seed=0)
