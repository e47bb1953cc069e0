"""Whether a sentence may stand on a public page, as far as its signs tell: rather one too many refused."""

from __future__ import annotations

import re
from itertools import pairwise

from mlm_pretrain.redaction import redacted

# In the order in which they are looked for; the first that is found names the reason.
_SIGNS = {
    "an address of mail, or a handle": r"@",
    "an address of the net": r"(?i)://|\bwww\.|\b[a-z0-9-]+\.(?:com|org|net|io|de|edu|gov)\b",
    "a path": r"\\|(?:^|\s)[~.]{0,2}/\w|\w/\w+/\w",
    "a date": r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b",
    "a number that may be someone's": r"(?:\d[\s().+/-]{0,2}){7,}",
}
_NOUNS_ARE_CAPITAL = ("de", "deu", "ger", "lb", "ltz")


def private_sign(text: str, language: str | None = None) -> str | None:
    """What in `text` speaks against showing it to everyone; None where nothing does.

    That is a secret, a path of the home folder, an address, a date, a number that may be someone's, or a
    word that is written as names are: with a capital within the sentence, in German two such words in a row.
    """
    if redacted(text) != text:
        return "a secret or a path of the home folder"
    for sign, pattern in _SIGNS.items():
        if re.search(pattern, text):
            return sign
    return "what may be a name" if _has_name(text.split(), language) else None


def _has_name(words: list[str], language: str | None) -> bool:
    likely = [_is_like_a_name(word) for word in words]
    in_a_row = any(a and b for a, b in pairwise(likely))
    return in_a_row or (language not in _NOUNS_ARE_CAPITAL and any(likely[1:]))


def _is_like_a_name(word: str) -> bool:
    """One capital and then small letters, or an initial with its dot; an acronym is none."""
    word = word.strip("()[]\"'“”„‘’,;:!?")
    is_initial = len(word) == 2 and word[1] == "."
    return word[:1].isupper() and (is_initial or any(sign.islower() for sign in word[1:]))
