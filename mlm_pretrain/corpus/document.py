"""The one record that travels from a source to every later stage."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LATER_PIECE = re.compile(r"(#\d+)+$")


@dataclass(frozen=True, slots=True)
class Document:
    """A stretch of text that belongs together, and where it came from.

    Attributes:
        text: Valid Unicode without NUL; its lines are separated by `\\n` alone.
        id: Where it came from, stable between readings: `path:line` for files, `path:row` for
            parquet, `library:qualified.name` for docstrings. The second and later pieces of a
            document that was cut carry `#2`, `#3`, …
        first: The text of the first piece where this is a later one, whether or not the first was kept.
    """

    text: str
    id: str
    first: str | None = None

    @property
    def whole_id(self) -> str:
        """The id of the document that it is a piece of, which is that of the first piece."""
        return _LATER_PIECE.sub("", self.id)

    @property
    def is_later_piece(self) -> bool:
        """Whether it goes on with a document that was cut."""
        return self.whole_id != self.id

    @property
    def beginning(self) -> str:
        """What all pieces of a document have in common, and its copies: the text of its first piece."""
        return self.text if self.first is None else self.first
