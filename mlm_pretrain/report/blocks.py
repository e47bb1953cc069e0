"""What a page consists of, whichever way it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Heading:
    """Of a part of the page; the page's own title is not among the blocks."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A "lead" is what the page says first and largest, "small" what few will read."""

    text: str
    kind: Literal["plain", "lead", "small"] = "plain"


@dataclass(frozen=True)
class Bullets:
    """Short remarks."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """A command."""

    text: str


@dataclass(frozen=True)
class Table:
    """Texts in rows; the first cell of each is what the row is about, the others are mostly numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Drawing:
    """An <svg>. Only HTML has it, so every number in it stands in a table too."""

    svg: str
    caption: str = ""


Block: TypeAlias = Heading | Paragraph | Bullets | Code | Table | Drawing
