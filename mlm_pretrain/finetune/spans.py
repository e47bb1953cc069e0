"""Spans of text and of tokens: where an answer's tokens are, and which spans score best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Characters = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a context, past-the-end, and the sum of both ends' logits."""

    start: int
    end: int
    score: float


def trimmed(text: str, offset: Characters) -> Characters | None:
    """The characters of a token without leading and trailing blanks; None when nothing is left.

    Byte-level BPE counts the space before a word as the word's.
    """
    start, end = offset
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def answer_tokens(places_L2: np.ndarray, answer: tuple[int, str]) -> tuple[int, int] | None:
    """First and last token that touch an answer, or None when the window holds less than all of it.

    Args:
        places_L2: characters (start, end) of each token, −1 for tokens outside the context.
        answer: (first character, text).
    """
    begin, text = answer
    # Blanks around an answer belong to no token.
    end = begin + len(text.rstrip())
    begin += len(text) - len(text.lstrip())
    inside = np.flatnonzero(places_L2[:, 0] >= 0)
    starts, ends = places_L2[inside].T
    if not len(inside) or starts[0] > begin or ends[-1] < end:
        return None
    touching = inside[(ends > begin) & (starts < end)]
    return (int(touching[0]), int(touching[-1])) if len(touching) else None


def best_spans(
    logits_2L: np.ndarray, places_L2: np.ndarray, n_best: int, max_tokens: int
) -> list[Span]:
    """Spans from the `n_best` starts and ends that lie in the context, in order, not too long."""
    usable = places_L2[:, 0] >= 0
    starts, ends = (
        [int(p) for p in np.argsort(-np.where(usable, row, -np.inf))[:n_best] if usable[p]]
        for row in logits_2L
    )
    found = []
    for start in starts:
        for end in ends:
            if start <= end < start + max_tokens:
                score = float(logits_2L[0, start] + logits_2L[1, end])
                found.append(Span(int(places_L2[start, 0]), int(places_L2[end, 1]), score))
    return found
