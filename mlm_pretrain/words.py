"""What a word is in any script: letters and digits with the marks that belong to them.

Vowels of Hindi, Bengali, Tamil or Thai are marks beside a consonant, those of Arabic and Hebrew points at it,
and an accent may be a mark of its own. `\\w` has none of them, and would cut such words at each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

# Scripts that are written without spaces: each of their characters counts as a word.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# All marks of Unicode: to look through what has none takes ten times as long.
_WHERE_MARKS_ARE = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))
# They join or part the shapes of letters inside a word, as in Persian and Sinhala.
_JOINERS = "\u200c\u200d"


def _marks() -> Iterator[int]:
    for part in _WHERE_MARKS_ARE:
        yield from (code for code in part if unicodedata.category(chr(code))[0] == "M")


def _ranges(codes: Iterable[int]) -> str:
    """Codes in order as the contents of a class of characters."""
    found: list[list[int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)


MARKS = _ranges(_marks())
_GO_ON = rf"(?:[{MARKS}{_JOINERS}]+"
# A run of letters and digits; where words are not spaced, each sign with its marks.
WORD = re.compile(rf"(?=[^\W_])[{UNSPACED}][{MARKS}]*|[^\W_{UNSPACED}]+{_GO_ON}[^\W_{UNSPACED}]*)*")
# The same for every script, and with the low line, as in names of programs.
RUN = re.compile(rf"\w+{_GO_ON}\w*)*")
