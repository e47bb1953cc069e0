"""How many tokens of a row are predicted: a share, a changing share, or a fixed number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from one_row import choose_tokens, row_of_words

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masked import MaskedCollator
from mlm_pretrain.objectives.masking.amount import ratio_at
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.vocabulary import Vocabulary

CLS, SEP = 2, 3
WORD_UNITS = ["word", "span", "ngram"]
DECAY = MaskedConfig(ratio=0.3, ratio_end=0.15)


def row_of(ordinary: int) -> NDArray[np.int64]:
    """Single words between special tokens, one of which stands in the middle."""
    ids = [5 + n % 30 for n in range(ordinary)]
    return np.array([CLS, *ids[: ordinary // 2], SEP, *ids[ordinary // 2 :], SEP])


@pytest.mark.parametrize("unit", ["token", *WORD_UNITS])
@pytest.mark.parametrize("ordinary", [0, 1, 6, 7, 8, 100, 1_000])
def test_a_count_is_kept_whatever_the_length(toy: Vocabulary, unit: str, ordinary: int) -> None:
    config = MaskedConfig(count=7, unit=unit)
    ids_T = row_of(ordinary)
    for seed in range(20):
        chosen_T = choose_tokens(ids_T, toy, config, np.random.default_rng(seed))
        assert chosen_T.sum() == min(7, ordinary)
        assert (ids_T[chosen_T] >= 5).all()


@pytest.mark.parametrize("unit", WORD_UNITS)
def test_a_count_of_whole_words_is_within_one_word_of_it(toy: Vocabulary, unit: str) -> None:
    config = MaskedConfig(count=10, unit=unit)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        ids_T, longest = row_of_words(rng, CLS, SEP)
        chosen = choose_tokens(ids_T, toy, config, rng).sum()
        assert 10 - longest < chosen <= 10


@pytest.mark.parametrize("unit", WORD_UNITS)
def test_a_word_longer_than_the_count_is_taken_whole(toy: Vocabulary, unit: str) -> None:
    ids_T = np.array([CLS, 5, 35, 35, SEP])
    chosen_T = choose_tokens(ids_T, toy, MaskedConfig(count=1, unit=unit), np.random.default_rng(0))
    assert chosen_T.tolist() == [False, True, True, True, False]


def test_the_ratio_moves_in_a_straight_line() -> None:
    assert [ratio_at(DECAY, progress) for progress in (0.0, 1.0, None)] == [0.3, 0.15, 0.3]
    assert ratio_at(DECAY, 0.5) == pytest.approx(0.225)
    assert ratio_at(MaskedConfig(ratio=0.2), 0.5) == 0.2
    assert ratio_at(MaskedConfig(ratio=0.1, ratio_end=0.9), 0.25) == pytest.approx(0.3)


def test_each_row_has_the_share_of_its_place_in_the_run(toy: Vocabulary) -> None:
    """200 ordinary tokens each; the last row is of no run. Together as alone."""
    ids = row_of(200)
    places: list[dict[str, float]] = [{"progress": p} for p in (0.0, 0.25, 0.5, 1.0)] + [{}]
    examples = [
        {"input_ids": ids, "epoch": 0, "example": n, **place} for n, place in enumerate(places)
    ]
    collator = MaskedCollator(toy, DECAY, seed=0)
    labels_BL = collator(examples)["labels"]
    assert (labels_BL >= 0).sum(1).tolist() == [60, round(0.2625 * 200), 45, 30, 60]
    for example, labels_L in zip(examples, labels_BL, strict=True):
        assert collator([example])["labels"][0].tolist() == labels_L.tolist()


def test_without_a_ratio_to_end_at_progress_changes_nothing(toy: Vocabulary) -> None:
    example = {"input_ids": row_of(200), "epoch": 0, "example": 0}
    collator = MaskedCollator(toy, MaskedConfig(), seed=0)
    batches = [collator([{**example, "progress": progress}]) for progress in (0.0, 0.7)]
    for batch in batches:
        assert batch["labels"].equal(collator([example])["labels"])


def test_count_and_ratio_end_exclude_each_other() -> None:
    with pytest.raises(InputError, match=r"^flags: give count .* or ratio_end .*, not both"):
        build_config(MaskedConfig, {"count": 20, "ratio_end": 0.15}, "flags")
    with pytest.raises(InputError, match="'ratio_end'"):
        build_config(MaskedConfig, {"ratio_end": 1.0}, "flags")
