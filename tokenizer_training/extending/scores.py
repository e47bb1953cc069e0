"""Unigram: new words as pieces whose scores are a trifle above those of the pieces they replace.

A Unigram model takes the cut whose scores sum to the most. A new piece with the sum of its old pieces is as
good as these, and with a trifle more it is better, and better than no other cut. So a word changes only if
its best cut began with all the pieces of a new word: "▁lymphocytes", cut "▁l ymph ocyte s" before, becomes
"▁lymphocyte s". Only words that begin with the sign for a space are taken, as others would be found inside
words as well.

Two cuts of exactly the same score may change places. Characters that stand in pieces without being one
themselves are the one other exception, since what an unknown character costs follows from the lowest score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.extending.known import Known
from tokenizer_training.extending.mechanism import (
    CHANGES_DERIVED,
    CHANGES_KEPT,
    INSIDE_WORDS,
    NOT_OF_PIECES,
)
from tokenizer_training.metaspace import SPACE

# A piece saved; log probabilities differ by far more, and sums of them are exact to far less.
_TRIFLE = 1e-7


class Scores:
    """A Unigram vocabulary that grows."""

    name = "pieces of Unigram"
    promise = "a word whose pieces do not begin with all the pieces of a new word keeps its ids"

    def __init__(self, model: Mapping[str, Any], base: Tokenizer, known: Known) -> None:
        self._model = model
        self._known = known
        self._bare = Tokenizer(base.model)
        self._scores: dict[str, float] = dict(model["vocab"])
        self._lowest = min(self._scores.values())
        self._added: dict[str, list[str]] = {}

    def pieces(self, word: str) -> list[str]:
        """As the old model cuts, but for the longest new word that the old cut begins with."""
        old = self._old_pieces(word)
        for end in range(len(word), 0, -1):
            begun = self._added.get(word[:end])
            if begun and old[: len(begun)] == begun:
                return [word[:end], *old[len(begun) :]]
        return old

    def _old_pieces(self, word: str) -> list[str]:
        return list(self._bare.encode(word).tokens)

    def objection(self, word: str) -> str | None:
        """Whether it would be found inside words, or changes some that should keep their ids."""
        if not word.startswith(SPACE) or SPACE in word[1:]:
            return INSIDE_WORDS
        old = self._old_pieces(word)
        if "".join(old) != word or not all(piece in self._scores for piece in old):
            return NOT_OF_PIECES
        if any(self._begins(other, old) for other in self._known.kept.longer(word)):
            return CHANGES_KEPT
        is_strict = self._known.derived == "same"
        if is_strict and any(self._begins(o, old) for o in self._known.corpus.longer(word)):
            return CHANGES_DERIVED
        return None

    def _begins(self, other: str, pieces: list[str]) -> bool:
        return other not in self._added and self._old_pieces(other)[: len(pieces)] == pieces

    def add(self, word: str) -> dict[str, list[str]]:
        self._added[word] = self._old_pieces(word)
        return {word: self._added[word]}

    def extended_model(self, ids: dict[str, int]) -> dict[str, Any]:
        vocab = [[entry, self._score(entry)] for entry in sorted(ids, key=ids.__getitem__)]
        return {**self._model, "vocab": vocab}

    def _score(self, entry: str) -> float:
        """Of an added token, which the text is searched for before, as low as any."""
        if entry not in self._added:
            return self._scores.get(entry, self._lowest)
        pieces = self._added[entry]
        return sum(self._scores[piece] for piece in pieces) + _TRIFLE * (len(pieces) - 1)
