"""Two views of each text: what augmentations keep, how much they change, and from what they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from contrastive_cases import collated, examples

from mlm_pretrain.objectives.contrastive import augmentations as changes
from mlm_pretrain.objectives.contrastive.config import (
    AugmentationConfig,
    ContrastiveConfig,
    SpanConfig,
)
from mlm_pretrain.objectives.contrastive.spans import drawn_spans, two_spans
from mlm_pretrain.objectives.vocabulary import Vocabulary

TEXT = np.array([2, *range(5, 35), 1, *range(5, 35), 3])  # [CLS] … [UNK] … [SEP]
BODY = TEXT[1:-1]
STRONG = AugmentationConfig(crop=0.3, cutoff=0.3, deletion=0.3, shuffle=4, typos=0.3)


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_control_tokens_stay_and_some_text_does(toy: Vocabulary) -> None:
    control_V = changes.control_tokens(toy)
    assert np.flatnonzero(control_V).tolist() == [0, 2, 3, 4]  # [UNK] is text
    extreme = AugmentationConfig(crop=0.99, cutoff=0.99, deletion=0.99, shuffle=9, typos=1.0)
    for seed in range(20):
        for text in (TEXT, TEXT[[0, 1, -1]]):
            found = changes.augmented(text, control_V, toy.ordinary_ids, extreme, rng(seed))
            assert (found[0], found[-1]) == (2, 3)
            assert len(found) >= 3
            assert not control_V[found[1:-1]].any()
        bare = TEXT[[0, -1]]
        assert np.array_equal(
            changes.augmented(bare, control_V, toy.ordinary_ids, extreme, rng(seed)), bare
        )


def test_without_strength_nothing_changes(toy: Vocabulary) -> None:
    nothing = AugmentationConfig(crop=0, cutoff=0, deletion=0, shuffle=0, typos=0)
    control_V = changes.control_tokens(toy)
    found = changes.augmented(TEXT, control_V, toy.ordinary_ids, nothing, rng())
    assert np.array_equal(found, TEXT)
    with pytest.raises(ValueError, match="augmentation above 0"):
        ContrastiveConfig(positives="augmented", augmentation=nothing)


def test_each_does_what_its_name_says(toy: Vocabulary) -> None:
    control_V = changes.control_tokens(toy)
    body = BODY.tolist()
    for seed in range(20):
        left = changes.cropped(TEXT, control_V, 0.25, rng(seed))[1:-1].tolist()
        assert len(left) == len(body) - round(len(body) * 0.25)
        assert any(body[i : i + len(left)] == left for i in range(len(body)))
        left = changes.cut_off(TEXT, control_V, 0.25, rng(seed))[1:-1].tolist()
        cut = next(
            i for i in range(len(left) + 1) if body[:i] + body[len(body) - len(left) + i :] == left
        )
        assert len(left) == 46 and 0 <= cut <= len(left)
        moved = changes.shuffled(TEXT, control_V, 4, rng(seed))[1:-1]
        for start in range(0, len(BODY), 4):
            assert sorted(moved[start : start + 4]) == sorted(BODY[start : start + 4])
        assert not np.array_equal(moved, BODY)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_deletions_and_typos_come_at_their_share_everywhere(toy: Vocabulary, share: float) -> None:
    control_V, runs = changes.control_tokens(toy), 4_000
    text = np.array([2, *range(5, 25), 3])
    kept, changed = np.zeros(37), np.zeros(len(text))
    generator = rng()
    for _ in range(runs):
        kept[changes.with_deletions(text, control_V, share, generator)] += 1
        changed += changes.with_typos(text, control_V, toy.ordinary_ids, share, generator) != text
    assert kept[5:25] / runs == pytest.approx(1 - share, abs=0.04)
    same = 1 / len(toy.ordinary_ids)  # drawn again by chance
    assert changed[1:-1] / runs == pytest.approx(share * (1 - same), abs=0.04)
    assert (kept[[2, 3]] == runs).all() and not changed[[0, -1]].any()


def test_spans_lie_in_the_text_and_near_each_other(toy: Vocabulary) -> None:
    control_V, generator = changes.control_tokens(toy), rng()
    lengths = []
    for _ in range(2_000):
        (a, b), (c, d) = drawn_spans(100, SpanConfig(), generator)
        assert 0 <= a < b <= 100 and 0 <= c < d <= 100
        assert c <= b and a <= d  # overlap or touch
        lengths.append((b - a, d - c))
    anchors, positives = np.array(lengths).T
    assert min(lengths)[0] >= 25 and max(lengths)[0] <= 75
    assert anchors.mean() == pytest.approx(25 + 50 * 4 / 6, abs=1)  # the means of Beta(4, 2) …
    assert positives.mean() == pytest.approx(25 + 50 * 2 / 6, abs=1)  # … and of Beta(2, 4)
    for span in two_spans(TEXT, control_V, SpanConfig(), generator):
        assert (span[0], span[-1]) == (2, 3)
        places = [
            i
            for i in range(len(BODY))
            if BODY[i : i + len(span) - 2].tolist() == span[1:-1].tolist()
        ]
        assert places


@pytest.mark.parametrize("positives", ["dropout", "spans", "augmented"])
def test_a_row_holds_two_views_of_its_texts_whatever_its_neighbours(
    positives: Any, tokenizer: Any
) -> None:
    config = ContrastiveConfig(positives=positives, augmentation=STRONG)
    rows = examples(tokenizer)
    batch = collated(tokenizer, config, rows)
    half = batch["input_ids"].shape[1] // 2
    segments, ids = batch["segment_ids"], batch["input_ids"]
    for place, row in enumerate(rows):
        texts = len(row["segment_lengths"])
        assert segments[place].max() == 2 * texts
        assert segments[place, :half].max() == texts
        alone = collated(tokenizer, config, [row])
        for number in range(1, 2 * texts + 1):
            its, own = segments[place] == number, alone["segment_ids"][0] == number
            for name in ("input_ids", "labels", "position_ids"):
                assert torch.equal(batch[name][place, its], alone[name][0, own])
            assert batch["position_ids"][place, its].tolist() == list(range(int(its.sum())))
    ordinary = (ids != tokenizer.cls_token_id) & (ids != tokenizer.sep_token_id) & (segments > 0)
    assert torch.equal(batch["labels"], torch.where(ordinary, ids, -100))
    views_are_equal = torch.equal(ids[:, :half], ids[:, half:])
    assert views_are_equal == (positives == "dropout")
    other = collated(tokenizer, config, [{**row, "epoch": 1} for row in rows])
    assert torch.equal(other["input_ids"], ids) == (positives == "dropout")
