"""Where sentences begin in a row of ids, as sentencex finds them in its text, and texts of one each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary


def sentence_starts(ids_T: Ids, vocabulary: Vocabulary, language: str = "en") -> NDArray[np.int64]:
    """The tokens (S) that begin a sentence, the first token among them.

    Args:
        ids_T: text alone, without special tokens.
        language: ISO 639-1, whose abbreviations and marks are known.
    """
    from sentencex import get_sentence_boundaries

    pieces = [vocabulary.texts_V[index] for index in ids_T.tolist()]
    places_T = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])[:-1]
    found = get_sentence_boundaries(language, "".join(pieces))
    begins_S = np.array([sentence["start_index"] for sentence in found], dtype=np.int64)
    # A sentence may begin behind the space that belongs to its first token, or is a token before it.
    starts_S = np.searchsorted(places_T, begins_S, side="right") - 1
    is_space_T = np.array([piece.isspace() for piece in pieces])
    starts_S -= (starts_S > 0) & is_space_T[starts_S - 1]
    return np.unique(np.concatenate([[0], starts_S]))


def text_sentences(
    segment_T: Ids, vocabulary: Vocabulary, language: str = "en"
) -> tuple[NDArray[np.int64], int]:
    """Where the sentences (S) of a segment begin, and where its text ends.

    S is 0 where there is no text, or special tokens stand in its middle.

    Args:
        segment_T: with its start and end token.
        language: as for `sentence_starts`.
    """
    is_text_T = ~vocabulary.special_V[segment_T]
    if vocabulary.unknown_id is not None:
        is_text_T |= segment_T == vocabulary.unknown_id
    text = np.flatnonzero(is_text_T)
    if not len(text) or len(text) != text[-1] - text[0] + 1:
        return np.empty(0, dtype=np.int64), 0
    begin, end = int(text[0]), int(text[-1]) + 1
    return begin + sentence_starts(segment_T[begin:end], vocabulary, language), end


def sentence_texts(
    segment_T: Ids, vocabulary: Vocabulary, language: str, fewest_tokens: int
) -> list[Ids]:
    """The sentences of a segment as texts of their own, each with the segment's start and end token.

    One of fewer than `fewest_tokens` goes with the next, and the last one with that before it. A segment
    without text, or with special tokens in its middle, is given back as it is.
    """
    starts_S, end = text_sentences(segment_T, vocabulary, language)
    if not len(starts_S):
        return [segment_T]
    borders = [int(starts_S[0])]
    for start in starts_S[1:].tolist():
        if min(start - borders[-1], end - start) >= fewest_tokens:
            borders.append(start)
    before, after = segment_T[: borders[0]], segment_T[end:]
    pairs = pairwise([*borders, end])
    return [np.concatenate([before, segment_T[a:b], after]) for a, b in pairs]
