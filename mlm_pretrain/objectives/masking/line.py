"""The rows of a batch, one behind another in a line of N tokens, and the numbers drawn for them. R: rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers


@dataclass(frozen=True)
class Line:
    """The rows of a batch.

    Attributes:
        ids_N: the tokens. ordinary_N: those that can be predicted.
        borders_R: R + 1 numbers: each row's first token, and N.
        drawn_KN: numbers in [0, 1). The first says how early a token is chosen, and what becomes of it;
            the second, where spans or n-grams are asked for, how long the one is that starts at it.
        weights_N: how many tickets each token has in the draw; None: one each.
    """

    ids_N: Ids
    ordinary_N: Flags
    borders_R: Ids
    drawn_KN: Numbers
    weights_N: Numbers | None


def draw_keys(drawn_N: Numbers, weights_N: Numbers | None) -> Numbers:
    """Keys of which the lowest are chosen: as when tickets are drawn, w of them a token, none put back.

    With weights −log(1 − u) / w: that of w tickets' exponential waiting times which ends first (Efraimidis
    and Spirakis 2006, "Weighted random sampling with a reservoir").
    """
    if weights_N is None:
        return drawn_N
    keys_N: Numbers = -np.log1p(-drawn_N) / weights_N
    return keys_N
