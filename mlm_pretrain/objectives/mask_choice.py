"""Which tokens are masked and what stands in their place, for all rows of a batch at once.

The rows of a batch lie one behind another in a line of N tokens. Tables are looked up and words counted for
the whole line; only what is random is drawn row by row, each from its own generator, so that a row's mask
does not depend on its neighbours. U: units to choose from, tokens or words. R: rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary

Ids: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Generators: TypeAlias = Iterable[np.random.Generator]


class MaskedConfig(StrictConfig):
    """Which tokens are predicted, and what the model sees in their place.

    Attributes:
        ratio: share of a row's ordinary tokens to predict.
        unit: mask single tokens, whole words, or spans of whole words.
        mask_share: of the chosen, this share becomes the mask token …
        random_share: … this share a random ordinary token; the rest stays as it is.
        span_continue: spans have geometric length; chance that one goes on by another word.
        longest_span: longest span in words.
    """

    ratio: float = Field(0.3, gt=0, lt=1)
    unit: Literal["token", "word", "span"] = "token"
    mask_share: float = Field(0.8, ge=0, le=1)
    random_share: float = Field(0.1, ge=0, le=1)
    span_continue: float = Field(0.8, ge=0, lt=1)
    longest_span: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> MaskedConfig:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError("mask_share + random_share must not exceed 1")
        return self


def mask_rows(
    rows: Sequence[Ids], vocabulary: Vocabulary, config: MaskedConfig, generators: Generators
) -> tuple[list[Ids], list[Ids]]:
    """(what the model sees, labels) of each row: labels hold the right id where it is predicted.

    Each generator is done with before the next is asked for, so they may be one, set anew for each row.
    """
    ids_N = np.concatenate(rows)
    ends = np.cumsum([len(row) for row in rows])
    units = _units(ids_N, np.concatenate([[0], ends[:-1]]), vocabulary, config)
    chosen_U = np.zeros(len(units.sizes_U), dtype=bool)
    drawn = []
    for first, end, rng in zip(units.firsts_R, units.ends_R, generators, strict=True):
        sizes = units.sizes_U[first:end]
        chosen_U[first:end] = chosen = _choose(sizes, config, rng)
        drawn.append(rng.random((2, int(sizes[chosen].sum()))))
    chosen_N = chosen_U[units.unit_N] & units.ordinary_N
    seen_N = _replace(ids_N, chosen_N, np.concatenate(drawn, axis=1), vocabulary, config)
    labels_N = np.where(chosen_N, ids_N, IGNORED)
    return np.split(seen_N, ends[:-1]), np.split(labels_N, ends[:-1])


def choose_tokens(
    ids_T: Ids, vocabulary: Vocabulary, config: MaskedConfig, rng: np.random.Generator
) -> Flags:
    """Which of a row's tokens to predict (T): never a special one, always at least one if any can.

    The number is exact for single tokens and, since words are taken whole, within one word of it
    otherwise: batches then differ little in size, which keeps speed and gradient noise even.
    """
    units = _units(ids_T, np.zeros(1, dtype=np.int64), vocabulary, config)
    chosen_T: Flags = _choose(units.sizes_U, config, rng)[units.unit_N] & units.ordinary_N
    return chosen_T


@dataclass(frozen=True)
class _Units:
    """What can be chosen in a line of rows.

    Attributes:
        unit_N: the unit of each token. sizes_U: ordinary tokens in each unit.
        ordinary_N: tokens that can be predicted.
        firsts_R, ends_R: each row's first unit, and the one after its last.
    """

    unit_N: NDArray[np.int64]
    sizes_U: NDArray[np.int64]
    ordinary_N: Flags
    firsts_R: list[int]
    ends_R: list[int]


def _units(
    ids_N: Ids, starts_R: NDArray[np.int64], vocabulary: Vocabulary, config: MaskedConfig
) -> _Units:
    ordinary_N = ~vocabulary.special_V[ids_N]
    if config.unit == "token":
        unit_N, sizes_U = np.arange(len(ids_N)), ordinary_N.astype(np.int64)
    else:
        begins_N = vocabulary.word_starts(ids_N)
        begins_N[starts_R[starts_R < len(ids_N)]] = True
        unit_N = np.cumsum(begins_N) - 1
        sizes_U = np.bincount(unit_N, weights=ordinary_N).astype(np.int64)
    bounds = [*np.append(unit_N, len(sizes_U))[starts_R].tolist(), len(sizes_U)]
    return _Units(unit_N, sizes_U, ordinary_N, bounds[:-1], bounds[1:])


def _choose(sizes_U: NDArray[np.int64], config: MaskedConfig, rng: np.random.Generator) -> Flags:
    """Units in random order until their tokens are the share wanted; specials have size 0."""
    chosen_U = np.zeros(len(sizes_U), dtype=bool)
    eligible = int(sizes_U.sum())
    if not eligible:
        return chosen_U
    order, wanted = rng.permutation(np.flatnonzero(sizes_U)), max(1, round(config.ratio * eligible))
    if config.unit == "token":
        chosen_U[order[:wanted]] = True
    elif config.unit == "word":
        _take_words(chosen_U, sizes_U, order, wanted)
    else:
        _take_spans(chosen_U, sizes_U, order, wanted, config, rng)
    return chosen_U


def _take_words(
    chosen_W: Flags, sizes_W: NDArray[np.int64], order: NDArray[np.int64], wanted: int
) -> None:
    """Words in `order` as long as they fit into `wanted` tokens; the first whatever its size.

    All but the last few are found at once, which in long rows is most of the time of masking.
    """
    reached = np.cumsum(sizes_W[order])
    fitting = max(1, int(np.searchsorted(reached, wanted, side="right")))
    chosen_W[order[:fitting]] = True
    left = wanted - int(reached[fitting - 1])
    for word in order[fitting:]:
        if left <= 0:
            return
        if sizes_W[word] <= left:
            chosen_W[word] = True
            left -= int(sizes_W[word])


def _take_spans(
    chosen_W: Flags,
    sizes_W: NDArray[np.int64],
    order: NDArray[np.int64],
    wanted: int,
    config: MaskedConfig,
    rng: np.random.Generator,
) -> None:
    """Words, each with those that follow it in a span of geometric length; as `_take_words` otherwise."""
    left = wanted
    for start in order:
        longest = min(int(rng.geometric(1 - config.span_continue)), config.longest_span)
        for word in range(start, start + longest):
            if left <= 0:
                return
            if word >= len(sizes_W) or sizes_W[word] == 0:
                break  # a span ends at its segment's end
            if not chosen_W[word] and (sizes_W[word] <= left or left == wanted):
                chosen_W[word] = True
                left -= int(sizes_W[word])


def corrupt(
    ids_T: Ids,
    chosen_T: Flags,
    vocabulary: Vocabulary,
    config: MaskedConfig,
    rng: np.random.Generator,
) -> Ids:
    """What the model sees (T): chosen tokens masked, replaced by ordinary ones, or left."""
    return _replace(ids_T, chosen_T, rng.random((2, int(chosen_T.sum()))), vocabulary, config)


def _replace(
    ids_N: Ids,
    chosen_N: Flags,
    drawn_2P: NDArray[np.float64],
    vocabulary: Vocabulary,
    config: MaskedConfig,
) -> Ids:
    """`corrupt` by two numbers in [0, 1) for each chosen token: its fate, and the token in its place."""
    places_P = np.flatnonzero(chosen_N)
    fate_P, which_P = drawn_2P
    seen_N = ids_N.copy()
    seen_N[places_P[fate_P < config.mask_share]] = vocabulary.mask_id
    limit = config.mask_share + config.random_share
    is_replaced_P = (fate_P >= config.mask_share) & (fate_P < limit)
    index = (which_P[is_replaced_P] * len(vocabulary.ordinary_ids)).astype(np.int64)
    seen_N[places_P[is_replaced_P]] = vocabulary.ordinary_ids[index]
    return seen_N
