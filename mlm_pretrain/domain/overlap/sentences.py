"""Where sentences end, in running text and in tokens with blanks between."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FARTHEST_CHARACTERS = 2000  # to look for the other end of a sentence
_CLOSING = r"[\"'”’»)\]]*"
# A mark before something that is not in small letters; any that ends sentences alone: of Chinese and
# Japanese, of the scripts of India, of Arabic and Urdu, Armenian, Ethiopic, Burmese and Khmer.
_END = re.compile(
    rf"[.!?…]{_CLOSING}(?=\s+[^a-z\s])|[。！？][」』”’）]*|[।॥؟۔\u0589\u1362\u104b\u17d4]{_CLOSING}"
)


def sentence_ends(text: str, start: int = 0) -> Iterator[int]:
    """Places behind the sentences of `text` that end after `start`, the last of the text left out."""
    return (match.end() for match in _END.finditer(text, start))


def sentence_start(text: str, place: int) -> int:
    """Where the sentence around `place` begins, on its line; `place` itself where that is far away."""
    line = text.rfind("\n", 0, place) + 1
    earliest = max(line, place - _FARTHEST_CHARACTERS)
    begin = line if earliest == line else place
    for end in sentence_ends(text, earliest):
        if end > place:
            break
        begin = end
    while begin < place and text[begin].isspace():
        begin += 1
    return begin


def sentence_end(text: str, place: int) -> int:
    """Where the sentence around `place` ends, on its line; `place` itself where that is far away."""
    line = text.find("\n", place)
    line = len(text) if line < 0 else line
    nearest = min(line, next(sentence_ends(text, place), line))
    return nearest if nearest - place <= _FARTHEST_CHARACTERS else place
