"""Byte-pair encoding: new words as entries that a word is looked up among before it is merged.

With `ignore_merges` a model takes a word that is an entry as it stands, and merges all others as before. So
only the new words themselves change, in whatever text: no merge is added that other words could meet, and no
entry is spent on what a chain of merges would pass through.

That holds where every old entry is what merging its letters gives, which is looked at beforehand. Where one
is not, or words end in a suffix that their entries carry, merges are added instead (see `chains`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.extending.base import Base

# What may stand before a word, and decides whether its entry bears the sign for a space.
_BEFORE = ("", "a ", "a", "(")


class WholeWords:
    """A BPE vocabulary that grows by words that are looked up whole."""

    name = "whole words of BPE (ignore_merges)"
    promise = "every word that is not a new word keeps its ids"

    def __init__(self, model: Mapping[str, Any], base: Tokenizer) -> None:
        self._model = model
        self._bare = Tokenizer(base.model)
        self._added: set[str] = set()

    def pieces(self, word: str) -> list[str]:
        return [word] if word in self._added else list(self._bare.encode(word).tokens)

    def objection(self, word: str) -> str | None:
        """No word stands in another's way."""
        return None

    def add(self, word: str) -> dict[str, list[str]]:
        old = self.pieces(word)
        self._added.add(word)
        return {word: old}

    def extended_model(self, ids: dict[str, int]) -> dict[str, Any]:
        return {**self._model, "vocab": ids, "ignore_merges": True}


def keeps_old_words(base: Base) -> bool:
    """Whether looking words up whole changes none that is an entry already."""
    model = base.content["model"]
    if model.get("end_of_word_suffix"):
        return False  # "low" inside a word would be taken for the word "low", which is "low</w>"
    if model.get("ignore_merges"):
        return True
    bare = Tokenizer(base.tokenizer.model)
    # The model never sees these: they are cut out of the text before.
    cut_out = {
        token["content"] for token in base.content.get("added_tokens", []) if not token["special"]
    }
    entries = [entry for entry in base.vocabulary if entry not in cut_out]
    coded = bare.encode_batch(entries)
    changed = (
        entry
        for entry, encoding in zip(entries, coded, strict=True)
        if encoding.ids != [base.vocabulary[entry]]
    )
    return not any(_may_be_a_word(base, entry) for entry in changed)


def _may_be_a_word(base: Base, entry: str) -> bool:
    """Whether the pre-tokeniser ever gives an entry as a word: never half a character, or "<mask>"."""
    decoder, normal = base.tokenizer.decoder, base.tokenizer.normalizer
    text = decoder.decode([entry]) if decoder else entry
    for before in _BEFORE:
        given = normal.normalize_str(before + text) if normal else before + text
        if any(word == entry for word, _ in base.tokenizer.pre_tokenizer.pre_tokenize_str(given)):
            return True
    return False
