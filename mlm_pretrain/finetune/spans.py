"""Spans of text and of tokens: where an answer's tokens are, and which spans score best."""

from __future__ import annotations

from collections.abc import Sequence
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


def answer_tokens(
    spans: Sequence[Characters | None], answer: tuple[int, str]
) -> tuple[int, int] | None:
    """First and last token that touch an answer, or None when the window holds less than all of it.

    Args:
        spans: characters of each token, None for tokens outside the context.
        answer: (first character, text).
    """
    begin, text = answer
    # Blanks around an answer belong to no token.
    end = begin + len(text.rstrip())
    begin += len(text) - len(text.lstrip())
    inside = [(p, s) for p, s in enumerate(spans) if s is not None]
    if not inside or inside[0][1][0] > begin or inside[-1][1][1] < end:
        return None
    touching = [position for position, span in inside if span[1] > begin and span[0] < end]
    return (touching[0], touching[-1]) if touching else None


def best_spans(
    logits_2L: np.ndarray, spans: Sequence[Characters | None], n_best: int, max_tokens: int
) -> list[Span]:
    """Spans from the `n_best` starts and ends that lie in the context, in order, not too long."""
    usable = np.array([span is not None for span in spans])
    starts, ends = (
        [int(p) for p in np.argsort(-np.where(usable, row, -np.inf))[:n_best] if usable[p]]
        for row in logits_2L
    )
    found = []
    for start in starts:
        for end in ends:
            if start <= end < start + max_tokens:
                first, last = spans[start], spans[end]
                assert first is not None and last is not None
                score = float(logits_2L[0, start] + logits_2L[1, end])
                found.append(Span(first[0], last[1], score))
    return found
