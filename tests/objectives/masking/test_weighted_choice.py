"""Tokens of more weight are chosen more often, as in a draw of tickets; nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlm_pretrain.objectives.masked import MaskedCollator
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.rows import mask_rows
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, row_generators
from mlm_pretrain.objectives.vocabulary import Vocabulary

CLS, SEP, MASK = 2, 3, 4
UNITS = ["token", "word", "span", "ngram"]
V, TRIALS = 37, 3_000


def weights_of(**weights: float) -> NDArray[np.float64]:
    weights_V = np.ones(V)
    for name, weight in weights.items():
        weights_V[int(name.removeprefix("id"))] = weight
    return weights_V


def share_in_draws_of_tickets(heavy: int, light: int, tickets: int, wanted: int) -> float:
    """The heavy ones' share when tickets are drawn until `wanted` are there, as with a bag of paper."""
    rng = np.random.default_rng(1)
    bag = [n for n in range(heavy) for _ in range(tickets)] + list(range(heavy, heavy + light))
    found = 0
    for _ in range(TRIALS):
        drawn: dict[int, None] = {}
        for ticket in rng.permutation(bag).tolist():
            drawn[ticket] = None
            if len(drawn) == wanted:
                break
        found += sum(n < heavy for n in drawn)
    return found / (TRIALS * wanted)


# A word's weight is the mean of its pieces': (4 + 2) / 2 = 3 beside (1 + 1) / 2.
@pytest.mark.parametrize(
    ("unit", "heavy", "light", "weights", "tickets"),
    [
        ("token", [5], [6], {"id5": 4.0}, 4),
        ("word", [5], [6], {"id5": 4.0}, 4),
        ("word", [5, 35], [6, 36], {"id5": 4.0, "id35": 2.0}, 3),
    ],
)
def test_the_heavy_are_chosen_as_their_tickets_say(
    toy: Vocabulary, unit: str, heavy: list[int], light: list[int], weights: dict[str, float], tickets: int
) -> None:  # fmt: skip
    ids_T = np.array([CLS, *heavy * 10, *light * 40, SEP])
    config = MaskedConfig(count=15 * len(heavy), unit=unit)
    generators = row_generators(0, [(0, n) for n in range(TRIALS)])
    _, labels = mask_rows([ids_T] * TRIALS, toy, config, generators, None, weights_of(**weights))
    chosen = np.concatenate(labels)
    share = np.count_nonzero(np.isin(chosen, heavy)) / np.count_nonzero(chosen >= 0)
    expected = share_in_draws_of_tickets(10, 40, tickets, 15)
    assert expected > 0.35  # without weights 0.2
    assert abs(share - expected) < 4 * (2 * 0.25 / (15 * TRIALS)) ** 0.5


@pytest.mark.parametrize("unit", UNITS)
def test_equal_weights_change_nothing(toy: Vocabulary, unit: str) -> None:
    source = np.random.default_rng(3)
    rows = [source.integers(0, V, size=n) for n in (40, 1, 0, 300, 2)]
    places = [(0, n) for n in range(len(rows))]
    for weight in (1.0, 0.3):
        plain, weighted = (
            mask_rows(rows, toy, MaskedConfig(unit=unit), row_generators(0, places), None, weights_V)
            for weights_V in (None, np.full(V, weight))
        )  # fmt: skip
        for ours, theirs in zip(plain, weighted, strict=True):
            assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("unit", UNITS)
def test_what_becomes_of_the_chosen_is_independent_of_their_choice(
    toy: Vocabulary, unit: str, weighted: bool
) -> None:
    """Of the ids of much weight and of little, 80 % are hidden, 10 % another and 10 % as they were."""
    ids_T = np.random.default_rng(0).integers(5, V, size=40_000)
    weights_V = np.where(np.arange(V) % 2, 4.0, 0.25) if weighted else None
    config = MaskedConfig(unit=unit)
    drawing = row_generators(0, [(0, 0)])
    [seen_T], [labels_T] = mask_rows([ids_T], toy, config, drawing, None, weights_V)
    assert abs((labels_T >= 0).sum() - 12_000) <= 20  # one word
    for kind in (0, 1):
        chosen_T = (labels_T >= 0) & (ids_T % 2 == kind)
        count = chosen_T.sum()
        assert count > 500
        hidden = (seen_T[chosen_T] == MASK).sum()
        kept = (seen_T == ids_T)[chosen_T].sum()
        keeps = 0.1 + 0.1 / 32  # a random id is in one of 32 cases the right one
        assert abs(hidden - 0.8 * count) < 4 * (count * 0.8 * 0.2) ** 0.5
        assert abs(kept - keeps * count) < 4 * (count * keeps * (1 - keeps)) ** 0.5


@pytest.mark.parametrize("unit", UNITS)
def test_the_weight_of_specials_says_nothing(toy: Vocabulary, unit: str) -> None:
    """Also where one, the unknown token, is part of a word."""
    words = [1, 35] * 20  # the unknown token, and a piece that goes on
    ids_T = np.append(np.random.default_rng(1).integers(0, V, size=500), words)
    config = MaskedConfig(ratio=0.5, unit=unit)
    found = []
    for weight in (1e-6, 1.0, 1e6):
        weights_V = np.where(toy.special_V, weight, np.linspace(0.1, 4, V))
        drawing = row_generators(0, [(0, 0)])
        _, [labels_T] = mask_rows([ids_T], toy, config, drawing, None, weights_V)
        assert not toy.special_V[labels_T[labels_T >= 0]].any()
        found.append(labels_T.tolist())
    assert found[0] == found[1] == found[2]


def test_the_collator_weighs_in_training_alone(toy: Vocabulary) -> None:
    ids_T = np.array([CLS, *[5] * 50, *[6] * 50, SEP])
    plain, weighing = (MaskedCollator(toy, MaskedConfig(), seed=0) for _ in range(2))
    weighing.weights_V = weights_of(id5=1e3)
    training = {"input_ids": ids_T, "epoch": 0, "example": 0, "progress": 0.0}
    assert (weighing([training])["labels"] == 5).sum() == 30
    assert (plain([training])["labels"] == 5).sum() < 30
    for example in ({**training, "epoch": EVALUATION_EPOCH}, {"input_ids": ids_T}):
        batches = [collator([example])["labels"] for collator in (plain, weighing)]
        assert batches[0].equal(batches[1])
