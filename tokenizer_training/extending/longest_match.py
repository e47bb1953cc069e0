"""WordPiece: new words as entries for the beginning of a word.

WordPiece takes, from the left, the longest entry that fits. An entry without `##` fits at the start of a word
alone, so that of all words only those that begin with a new word can change: "lymphocytes" becomes
"lymphocyte ##s". Its model has no sign for the end of a word, by which an entry could be kept from beginning
longer ones. Hence what holds whatever the text, and what is seen to for the words that are known:

- A word that does not begin with a new word keeps its ids. So does every word that is an entry already.
- A word that begins other entries is no candidate: what the vocabulary knows to go on in several ways
  ("argon", as "argonaut") begins words of other fields too.
- No word of the text to keep changes, except those that are new themselves.
- A word of the corpus changes only if it gets fewer tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.extending.known import Known, SortedWords
from tokenizer_training.extending.mechanism import (
    BEGINS_ENTRIES,
    CHANGES_DERIVED,
    CHANGES_KEPT,
    TOO_LONG,
)


class LongestMatch:
    """A WordPiece vocabulary that grows."""

    name = "entries of WordPiece"
    promise = "a word that does not begin with a new word keeps its ids"

    def __init__(self, model: Mapping[str, Any], base: Tokenizer, known: Known) -> None:
        self._model = model
        self._bare = Tokenizer(base.model)
        self._known = known
        self._prefix: str = model.get("continuing_subword_prefix", "##")
        self._unknown: str = model["unk_token"]
        self._longest_word: int = model.get("max_input_chars_per_word", 100)
        self._entries = set(model["vocab"])
        self._longest_entry = max(map(len, self._entries))
        self._added: set[str] = set()
        wholes = (entry for entry in self._entries if not entry.startswith(self._prefix))
        self._wholes = SortedWords(list(wholes))

    def pieces(self, word: str) -> list[str]:
        """From the left, the longest entry that fits; the unknown token alone where none does."""
        found: list[str] = []
        place = 0 if len(word) <= self._longest_word else len(word)
        while place < len(word):
            piece = self._longest_at(word, place)
            if piece is None:
                return [self._unknown]
            place += len(piece) - (len(self._prefix) if place else 0)
            found.append(piece)
        return found or [self._unknown]

    def _longest_at(self, word: str, place: int) -> str | None:
        before = self._prefix if place else ""
        for end in range(min(len(word), place + self._longest_entry), place, -1):
            if (piece := before + word[place:end]) in self._entries:
                return piece
        return None

    def objection(self, word: str) -> str | None:
        """Whether it begins other words that should not, or not so, change."""
        if len(word) > self._longest_word:
            return TOO_LONG
        if any(True for _ in self._wholes.longer(word)):
            return BEGINS_ENTRIES
        if any(self._change(other, word) is not None for other in self._known.kept.longer(word)):
            return CHANGES_KEPT
        for other in self._known.corpus.longer(word):
            change = self._change(other, word)
            if change is not None and (change >= 0 or self._known.derived == "same"):
                return CHANGES_DERIVED
        return None

    def _change(self, other: str, new: str) -> int | None:
        """Tokens more that a word would have with a new one; None where its ids stay, or it is new itself."""
        if other in self._added:
            return None
        before = self.pieces(other)
        longest = self._longest_entry
        self._entries.add(new)
        self._longest_entry = max(longest, len(new))
        after = self.pieces(other)
        self._entries.discard(new)
        self._longest_entry = longest
        if before == after:
            return None
        becomes_unknown = after == [self._unknown]
        return 1 if becomes_unknown else len(after) - len(before)

    def add(self, word: str) -> dict[str, list[str]]:
        self._entries.add(word)
        self._added.add(word)
        self._longest_entry = max(self._longest_entry, len(word))
        return {word: list(self._bare.encode(word).tokens)}

    def extended_model(self, ids: dict[str, int]) -> dict[str, Any]:
        return {**self._model, "vocab": ids}
