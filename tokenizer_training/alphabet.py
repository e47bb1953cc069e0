"""Which characters a tokenizer knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tokenizer_training.config import TokenizerConfig

# An alphabetic script and all its signs fit in; only scripts of thousands of characters go beyond.
_CHARACTERS_IN_ANY_CASE = 1000
FEWER_CHARACTERS = ", or take fewer characters with --alphabet-limit"


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The characters that a tokenizer knows, sorted, and whether a limit keeps others out."""

    characters: list[str]
    limited: bool


def count_characters(words: Mapping[str, int]) -> Counter[str]:
    """Occurrences of every character."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            found[character] += count
    return found


def choose_alphabet(
    found: Mapping[str, int],
    config: TokenizerConfig,
    room: int,
    entries: Mapping[str, int] | None = None,
) -> Alphabet:
    """The most frequent characters that together make up the coverage asked for, within the limit.

    Ties go to the lower code point, so that equal counts give equal alphabets.

    Args:
        found: occurrences of every character.
        room: entries of the vocabulary that are not spoken for.
        entries: how many each character takes of them; one unless said.
    """
    wanted = config.character_coverage * sum(found.values())
    chosen: list[str] = []
    covered = taken = 0
    for character, count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if covered >= wanted:
            break
        taken += entries[character] if entries else 1
        if _is_full(len(chosen), taken, room, config):
            return Alphabet(sorted(chosen), limited=True)
        chosen.append(character)
        covered += count
    return Alphabet(sorted(chosen), limited=False)


def _is_full(characters: int, taken: int, room: int, config: TokenizerConfig) -> bool:
    """Whether one more character, with which `taken` entries are used, would be one too many."""
    if config.alphabet_limit is not None:
        return characters == config.alphabet_limit
    return characters >= _CHARACTERS_IN_ANY_CASE and taken > config.alphabet_share * room


def cut_at_strangers(words: Mapping[str, int], alphabet: list[str]) -> dict[str, int]:
    """The words, cut wherever a character outside `alphabet` stands; sorted by word."""
    known = re.compile("[" + "".join(map(re.escape, alphabet)) + "]+")
    cut: Counter[str] = Counter()
    for word, count in words.items():
        for part in known.findall(word):
            cut[part] += count
    return dict(sorted(cut.items()))


def count_strangers(found: Mapping[str, int], alphabet: list[str]) -> int:
    """Occurrences of characters outside `alphabet`."""
    return sum(found.values()) - sum(found[character] for character in alphabet)
