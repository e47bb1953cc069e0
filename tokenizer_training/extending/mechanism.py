"""How a model of the tokenizers library takes whole words in: what each way has to say."""

from __future__ import annotations

from typing import Any, Protocol

# Why a candidate is left out, in reports.
BEGINS_ENTRIES = "begins_words_of_the_vocabulary"
CHANGES_KEPT = "changes_words_to_keep"
CHANGES_DERIVED = "changes_other_words"
TOO_LONG = "longer_than_the_model_reads"
INSIDE_WORDS = "would_stand_inside_words"
ENTRY_ALREADY = "is_an_entry_already"
NOT_OF_PIECES = "holds_unknown_characters"


class Mechanism(Protocol):
    """A vocabulary that grows word by word, inside the model.

    Attributes:
        name: for reports.
        promise: which words keep their ids, in one sentence.
    """

    name: str
    promise: str

    def pieces(self, word: str) -> list[str]:
        """The entries that a word is made of, with the words added so far."""
        ...

    def objection(self, word: str) -> str | None:
        """Why this word must not be added, or None."""
        ...

    def add(self, word: str) -> dict[str, list[str]]:
        """Take the word in; returns the new entries in the order of their ids, the word last, each with the
        old entries that it is made of."""
        ...

    def extended_model(self, ids: dict[str, int]) -> dict[str, Any]:
        """The `model` of tokenizer.json with all that was added.

        Args:
            ids: of every entry, old and new.
        """
        ...
