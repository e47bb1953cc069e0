"""Which characters a tokenizer knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping


def count_characters(words: Mapping[str, int]) -> Counter[str]:
    """Occurrences of every character."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            found[character] += count
    return found


def choose_alphabet(found: Mapping[str, int], coverage: float, limit: int) -> list[str]:
    """The most frequent characters that together make up `coverage` of all, sorted.

    Ties go to the lower code point, so that equal counts give equal alphabets.
    """
    total = sum(found.values())
    chosen: list[str] = []
    covered = 0
    for character, count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if len(chosen) == limit or covered >= coverage * total:
            break
        chosen.append(character)
        covered += count
    return sorted(chosen)


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
