"""What is compared of a text: its letters and digits alone, and where its words begin.

Without spaces and signs nothing is left of how a file writes its text: tokens of an annotated sentence
("do n't", "dose - dependent"), lines that were wrapped and words that were hyphenated there, another case,
other quotes, accents as one character or as two (as GPT-4's report does it, OpenAI 2023, appendix C).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from mlm_pretrain.words import WORD

_ASCII_WORD = re.compile(r"[a-z0-9]+")
# Marks that one writer sets and another does not: accents of Latin, Greek and Cyrillic letters, points of
# Hebrew and Arabic ones, and what chooses between shapes of a sign. All others are vowels, and stay.
_ACCENT = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u08ca-\u08ff"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u2de0-\u2dff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\U000e0100-\U000e01ef]"
)


def words_of(text: str) -> list[str]:
    """The words of `text` in small letters without accents; one may be empty, so that `spans_of` fits."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [_normal(word) for word in WORD.findall(text)]


def spans_of(text: str) -> list[tuple[int, int]]:
    """First character of each word of `words_of`, and the one behind its last."""
    return [match.span() for match in WORD.finditer(text)]


@lru_cache(maxsize=1 << 16)
def _normal(word: str) -> str:
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in apart if _is_compared(sign))


def _is_compared(sign: str) -> bool:
    return sign.isalnum() or (unicodedata.category(sign)[0] == "M" and not _ACCENT.match(sign))
