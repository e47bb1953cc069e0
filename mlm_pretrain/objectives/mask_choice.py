"""Which tokens are masked and what stands in their place, for all rows of a batch at once.

The rows of a batch lie one behind another in a line of N tokens. Only the random numbers are drawn row by
row, each from its own generator, so that a row's mask does not depend on its neighbours; all else is done
for the whole line at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from mlm_pretrain.objectives.masked_config import MaskedConfig
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers, Vocabulary
from mlm_pretrain.objectives.word_choice import choose_words

Generators: TypeAlias = Iterable[np.random.Generator]

# A number in [0, 1) has 53 random bits. The first decide, as good as always, whether a token is chosen; those
# behind this many of them, which are independent, what becomes of it.
_CHOOSING_BITS = 20


def mask_rows(
    rows: Sequence[Ids], vocabulary: Vocabulary, config: MaskedConfig, generators: Generators
) -> tuple[list[Ids], list[Ids]]:
    """(what the model sees, labels) of each row: labels hold the right id where it is predicted.

    Special tokens are never predicted, and at least one other is where there is one. The number is exact for
    single tokens and, since words are taken whole, within one word of it otherwise: batches then differ
    little in size, which keeps speed and gradient noise even.

    Each generator is done with before the next is asked for, so they may be one, set anew for each row.
    """
    ids_N, lengths_R = np.concatenate(rows), [len(row) for row in rows]
    drawn = [_draw(config, *pair) for pair in zip(generators, lengths_R, strict=True)]
    drawn_KN = np.concatenate(drawn, axis=1)
    if config.unit == "token":
        ordinary_N = ~vocabulary.special_V[ids_N]
        chosen_N = _lowest(drawn_KN[0], ordinary_N, lengths_R, config.ratio)
    else:
        chosen_N = choose_words(ids_N, lengths_R, vocabulary, config, drawn_KN)
    places_P = np.flatnonzero(chosen_N)
    seen_N, labels_N = ids_N.copy(), np.full_like(ids_N, IGNORED)
    fate_P = np.modf(drawn_KN[0, places_P] * 2**_CHOOSING_BITS)[0]
    seen_N[places_P] = _stand_ins(ids_N[places_P], fate_P, vocabulary, config)
    labels_N[places_P] = ids_N[places_P]
    borders = np.cumsum(lengths_R[:-1])
    return np.split(seen_N, borders), np.split(labels_N, borders)


def _draw(config: MaskedConfig, rng: np.random.Generator, length: int) -> Numbers:
    """Numbers in [0, 1), one for each token, or two where spans are asked for (K, T)."""
    return rng.random((2 if config.unit == "span" else 1, length))


def _lowest(drawn_N: Numbers, ordinary_N: Flags, lengths_R: Sequence[int], ratio: float) -> Flags:
    """Of each row's ordinary tokens the share with the lowest numbers."""
    place_N = np.where(ordinary_N, drawn_N, 1.0)
    limits = []
    for place_T in np.split(place_N, np.cumsum(lengths_R[:-1])):
        last = max(1, round(ratio * np.count_nonzero(place_T < 1))) - 1
        limits.append(np.partition(place_T, last)[last] if len(place_T) else 0.0)
    lowest_N: Flags = (place_N <= np.repeat(limits, lengths_R)) & ordinary_N
    return lowest_N


def _stand_ins(ids_P: Ids, fate_P: Numbers, vocabulary: Vocabulary, config: MaskedConfig) -> Ids:
    """What the model sees of chosen tokens (P), by a number in [0, 1) for each.

    Where in the share of random replacement the number lies says which token comes in.
    """
    beyond_P = fate_P - config.mask_share
    seen_P = np.where(beyond_P < 0, vocabulary.mask_id, ids_P)
    is_replaced_P = (beyond_P >= 0) & (beyond_P < config.random_share)
    which = beyond_P[is_replaced_P] / (config.random_share or 1)
    index = (which * len(vocabulary.ordinary_ids)).astype(np.int64)
    seen_P[is_replaced_P] = vocabulary.ordinary_ids[index]
    return seen_P
