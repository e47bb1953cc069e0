"""What is no word that a vocabulary should have an entry for, and why."""

from __future__ import annotations

import unicodedata

# A gene may be called p53 and an enzyme cyp450; more digits make a number or a name of one thing.
_MOST_DIGITS = 3
_INSIDE = set("'’-‐·")


def why_noise(word: str) -> str | None:
    """The reason, or None for a word as a dictionary of the field may have it.

    Args:
        word: as a person writes it.
    """
    if not any(character.isalpha() for character in word):
        return "no_letters"
    if any(not _belongs(character) for character in word):
        return "signs_or_damaged"
    digits = sum(character.isdigit() for character in word)
    if word[0].isdigit() or digits > _MOST_DIGITS:
        return "numbers"
    if not (word[0].isalpha() and (word[-1].isalnum() or _is_mark(word[-1]))):
        return "signs_or_damaged"
    if len(word) > 2 and len(set(word.casefold())) == 1:
        return "one_letter_repeated"
    return None


def _belongs(character: str) -> bool:
    return character.isalnum() or character in _INSIDE or _is_mark(character)


def _is_mark(character: str) -> bool:
    """A vowel sign or an accent, which belongs to the letter before it."""
    return unicodedata.category(character).startswith("M")
