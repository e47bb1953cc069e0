"""Which tokens are masked and what stands in their place, for all rows of a batch at once.

Only the random numbers are drawn row by row, each from its own generator, so that a row's mask does not
depend on its neighbours; all else is done for the whole line of rows at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from mlm_pretrain.objectives.masking.amount import wanted_tokens
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.line import Line, draw_keys
from mlm_pretrain.objectives.masking.words import choose_words
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers, Vocabulary

Generators: TypeAlias = Iterable[np.random.Generator]

# A number in [0, 1) has 53 random bits. The first decide, as good as always, whether a token is chosen; those
# behind this many of them, which are independent, what becomes of it.
_CHOOSING_BITS = 20


def mask_rows(
    rows: Sequence[Ids],
    vocabulary: Vocabulary,
    config: MaskedConfig,
    generators: Generators,
    ratios_R: Numbers | None = None,
    weights_V: Numbers | None = None,
) -> tuple[list[Ids], list[Ids]]:
    """(what the model sees, labels) of each row: labels hold the right id where it is predicted.

    Special tokens are never predicted, and at least one other is where there is one. The number is exact for
    single tokens and, since words are taken whole, within one word of it otherwise: batches then differ
    little in size, which keeps speed and gradient noise even.

    Each generator is done with before the next is asked for, so they may be one, set anew for each row.

    Args:
        ratios_R: the share of tokens to predict in each row; None: the settings'.
        weights_V: how many tickets (above 0) each id has in the draw; a word has the mean of its tokens.
    """
    line = _line(rows, vocabulary, config, generators, weights_V)
    borders = line.borders_R.tolist()
    ordinary_R = [np.count_nonzero(line.ordinary_N[a:b]) for a, b in pairwise(borders)]
    wanted_R = wanted_tokens(config, np.array(ordinary_R), ratios_R)
    if config.unit == "token":
        chosen_N = _choose_tokens(line, wanted_R)
    else:
        chosen_N = choose_words(line, wanted_R, vocabulary, config)
    places_P = np.flatnonzero(chosen_N)
    seen_N, labels_N = line.ids_N.copy(), np.full_like(line.ids_N, IGNORED)
    fate_P = np.modf(line.drawn_KN[0, places_P] * 2**_CHOOSING_BITS)[0]
    seen_N[places_P] = _stand_ins(line.ids_N[places_P], fate_P, vocabulary, config)
    labels_N[places_P] = line.ids_N[places_P]
    return np.split(seen_N, borders[1:-1]), np.split(labels_N, borders[1:-1])


def _line(
    rows: Sequence[Ids],
    vocabulary: Vocabulary,
    config: MaskedConfig,
    generators: Generators,
    weights_V: Numbers | None,
) -> Line:
    ids_N, lengths = np.concatenate(rows), [len(row) for row in rows]
    kinds = 2 if config.unit in ("span", "ngram") else 1
    pairs = zip(generators, lengths, strict=True)
    drawn_KN = np.concatenate([rng.random((kinds, length)) for rng, length in pairs], axis=1)
    weights_N = None if weights_V is None else weights_V[ids_N]
    borders_R = np.concatenate([[0], np.cumsum(lengths)])
    return Line(ids_N, ~vocabulary.special_V[ids_N], borders_R, drawn_KN, weights_N)


def _choose_tokens(line: Line, wanted_R: Ids) -> Flags:
    """Of each row's ordinary tokens as many as are wanted, those with the lowest keys (N)."""
    keys_N = draw_keys(line.drawn_KN[0], line.weights_N)
    keys_N = np.where(line.ordinary_N, keys_N, np.inf)
    rows = zip(np.split(keys_N, line.borders_R[1:-1]), wanted_R.tolist(), strict=True)
    limits = [np.partition(k_T, last - 1)[last - 1] if len(k_T) else 0.0 for k_T, last in rows]
    limits_N = np.repeat(limits, np.diff(line.borders_R))
    chosen_N: Flags = (keys_N <= limits_N) & line.ordinary_N
    return chosen_N


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
