"""Texts as people also write them: with typos, in one case, without punctuation.

Pure functions: equal arguments give equal texts on every machine. A typo changes the inside of one word and
keeps its first and last letter, which is what readers hardly notice and models do (Pruthi et al. 2019,
"Combating Adversarial Misspellings with Robust Word Recognition"; four kinds as there: two letters swapped,
one left out, one added, one replaced by its neighbour on the keyboard).
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

LEAST_LETTERS = 4  # of a word that gets a typo
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(rf"[^\W\d_]{{{LEAST_LETTERS},}}")  # letters of any script in a row


def with_typos(text: str, share: float, seed: int, place: int = 0) -> str:
    """`text` with one typo in each word of four letters or more, each with the chance `share`.

    Spaces and all that is no letter stay, so the number of words stays.

    Args:
        seed, place: of the random choices; texts at other places get others.
    """
    generator = random.Random(f"{seed}:{place}")
    return _WORD.sub(
        lambda found: typo(found[0], generator) if generator.random() < share else found[0], text
    )


def typo(word: str, generator: random.Random) -> str:
    """`word`, of four letters or more, with one typo; always another word, with the same ends."""
    kinds = [_swapped, _dropped, _doubled, _replaced]
    generator.shuffle(kinds)
    changed = (kind(word, generator) for kind in kinds)
    return next(other for other in changed if other is not None)


def _swapped(word: str, generator: random.Random) -> str | None:
    """Two neighbouring letters inside change places; None where all are equal."""
    places = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
    if not places:
        return None
    place = generator.choice(places)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _dropped(word: str, generator: random.Random) -> str:
    place = generator.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _doubled(word: str, generator: random.Random) -> str:
    place = generator.randrange(1, len(word) - 1)
    return word[:place] + word[place] + word[place:]


def _replaced(word: str, generator: random.Random) -> str | None:
    """A letter's neighbour in its row of the keyboard; None where no letter inside is on it."""
    places = [i for i in range(1, len(word) - 1) if neighbours(word[i])]
    if not places:
        return None
    place = generator.choice(places)
    other = generator.choice(neighbours(word[place]))
    return word[:place] + (other.upper() if word[place].isupper() else other) + word[place + 1 :]


def neighbours(letter: str) -> str:
    """The keys to the left and right of a letter's on an English keyboard, "" for other letters."""
    for row in _ROWS:
        place = row.find(letter.lower())
        if place >= 0:
            return row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    return ""


def lower(text: str) -> str:
    """All letters small."""
    return text.lower()


def upper(text: str) -> str:
    """All letters capital."""
    return text.upper()


def without_punctuation(text: str) -> str:
    """Without Unicode's punctuation (P…); a text of nothing else stays."""
    left = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    return left if left.strip() else text


# A text and its place in the file → the text as it is tried.
Change = Callable[[str, int], str]


def changes(typos: float, seed: int) -> dict[str, Change]:
    """The ways of changing texts, by name; `typos` is the share of words that get one."""
    return {
        "typos": lambda text, place: with_typos(text, typos, seed, place),
        "lower": lambda text, place: lower(text),
        "upper": lambda text, place: upper(text),
        "no_punctuation": lambda text, place: without_punctuation(text),
    }
