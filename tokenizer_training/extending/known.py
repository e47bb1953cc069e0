"""The words that are known while an extension is chosen: those of the corpus, and those to keep."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass


class SortedWords:
    """Words by what they begin with."""

    def __init__(self, words: Collection[str]) -> None:
        self._words = sorted(words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def longer(self, beginning: str) -> Iterator[str]:
        """Those that begin so and go on."""
        for place in range(bisect_left(self._words, beginning), len(self._words)):
            word = self._words[place]
            if not word.startswith(beginning):
                return
            if word != beginning:
                yield word


@dataclass(frozen=True, slots=True)
class Known:
    """What an extension may do to words that are not new.

    Attributes:
        corpus: may get fewer tokens or, with `derived` "same", keep their ids.
        kept: keep their ids.
        derived: see `ExtendConfig`.
    """

    corpus: SortedWords
    kept: SortedWords
    derived: str
