"""What stands in a file, as a message shows it: short, and without signs that a terminal obeys."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from itertools import islice

_LONGEST = 200
_LONGEST_NAME, _NAMES = 40, 12
_shortener = reprlib.Repr()
_shortener.maxstring = _shortener.maxother = 60
_shortener.maxlevel = 3


def brief(value: object) -> str:
    """`value` in code and cut: it may be megabytes, or nested more deeply than can be written."""
    return _shortener.repr(value)


def cut(text: str, longest: int = _LONGEST) -> str:
    """`text`, or its beginning where it is longer than a message can bear."""
    shown = text if len(text) <= longest else text[:longest] + "…"
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown)


def listing(names: Iterable[object]) -> str:
    """The first names, each cut: a file without a header has its first text in their place."""
    first = [cut(str(name), _LONGEST_NAME) for name in islice(names, _NAMES + 1)]
    return ", ".join([*first[:_NAMES], *["…"][: len(first) > _NAMES]]) or "none"
