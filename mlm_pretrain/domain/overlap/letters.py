"""What is compared of a text: its letters and digits alone, and where its words begin.

Without spaces and signs nothing is left of how a file writes its text: tokens of an annotated sentence
("do n't", "dose - dependent"), lines that were wrapped and words that were hyphenated there, another case,
other quotes, accents as one character or as two (as GPT-4's report does it, OpenAI 2023, appendix C).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Scripts that are written without spaces: each of their characters counts as a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
WORD = re.compile(rf"(?=[^\W_])[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


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
    return "".join(sign for sign in apart if sign.isalnum())
