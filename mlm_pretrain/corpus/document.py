"""The one record that travels from a source to every later stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A stretch of text that belongs together, and where it came from.

    Attributes:
        text: Valid Unicode without NUL; its lines are separated by `\\n` alone.
        id: Where it came from, stable between readings: `path:line` for files, `path:row` for
            parquet, `library:qualified.name` for docstrings. The second and later pieces of a
            document that was cut carry `#2`, `#3`, …
    """

    text: str
    id: str
