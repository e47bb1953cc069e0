"""A segment's text, and the special tokens at its ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary


class Segment(NamedTuple):
    """`start` and `end` are special tokens, `text` (T) what stands between them; each may be empty."""

    start: Ids
    text: Ids
    end: Ids


def split_ends(ids_L: Ids, vocabulary: Vocabulary) -> Segment:
    """The unknown token is text: it stands for a character."""
    is_text_L = ~vocabulary.special_V[ids_L]
    if vocabulary.unknown_id is not None:
        is_text_L |= ids_L == vocabulary.unknown_id
    places = np.flatnonzero(is_text_L)
    first, behind = (int(places[0]), int(places[-1]) + 1) if len(places) else (len(ids_L),) * 2
    return Segment(ids_L[:first], ids_L[first:behind], ids_L[behind:])


def rounded(expected: float, rng: np.random.Generator) -> int:
    """One of the two whole numbers beside `expected`, which is their mean."""
    return int(expected + rng.random())
