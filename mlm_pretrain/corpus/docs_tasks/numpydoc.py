"""Parse the "Parameters" section of a numpy-style docstring.

Parameters
----------
alpha : float, default=1.0
    Constant that multiplies the penalty. Must be non-negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlm_pretrain.corpus.docs_tasks.sentences import flatten, sentences

_SECTION = re.compile(r"^Parameters\n-{4,}\n(.*?)(?=^\S[^\n]*\n[-=]{3,}$|\Z)", re.M | re.S)
_NAMES = r"\*{0,2}[A-Za-z_]\w*(?:, \*{0,2}[A-Za-z_]\w*)*"
_HEADER = re.compile(rf"^({_NAMES}) ?: (\S.*)$")
_DEFAULT = re.compile(
    r"(?P<open>\()?\bdefaults?(?: is| to|:|=)? ?=? ?(?P<value>[^\s=:].*?)(?(open)\))\.?$", re.I
)
# What stands between a type and its default, and belongs to neither.
_TRAILING = re.compile(r"(?:[\s,;(]|\boptional\b)+$", re.I)
_BLOCK = re.compile(r"^\s*(?:\.\. |[-*+] |>>>|\d+\. )")


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented parameter.

    Attributes:
        header: For example "alpha : float, default=1.0".
        names: Character spans of the names within `header`.
        type: Character span of the type within `header`.
        default: Character span of the default's value, None where none is given.
        description: The first paragraph of the description, on one line.
    """

    header: str
    names: tuple[tuple[int, int], ...]
    type: tuple[int, int]
    default: tuple[int, int] | None
    description: str

    @property
    def name(self) -> str:
        """The first name."""
        return self.header[slice(*self.names[0])]

    @property
    def first_sentence(self) -> str:
        """The first sentence of the description."""
        return sentences(self.description)[0]


def parameter_entries(docstring: str) -> list[Entry]:
    """Entries of the Parameters section that have a name, a type and a description, in order."""
    section = _SECTION.search(docstring)
    if section is None:
        return []
    entries = (_entry(header, body) for header, body in _blocks(section[1]))
    return [entry for entry in entries if entry is not None]


def _blocks(section: str) -> Iterator[tuple[str, list[str]]]:
    """Each unindented line with the indented lines under it."""
    header = ""
    body: list[str] = []
    for line in section.split("\n"):
        if line and not line[0].isspace():
            if header:
                yield header, body
            header, body = line.strip(), []
        else:
            body.append(line.strip())
    if header:
        yield header, body


def _entry(header: str, body: list[str]) -> Entry | None:
    header = flatten(header)
    match = _HEADER.match(header)
    description = _first_paragraph(body)
    if match is None or not description or not f"{header}{description}".isprintable():
        return None
    type_span, default = _split_type(header, match.start(2))
    if type_span[1] <= type_span[0]:
        return None
    names = tuple(m.span() for m in re.finditer(r"[^\s,]+", match[1]))
    return Entry(header, names, type_span, default, description)


def _first_paragraph(body: list[str]) -> str:
    lines: list[str] = []
    for line in body:
        if (not line and lines) or _BLOCK.match(line):
            break
        lines.append(line)
    return flatten(" ".join(lines))


def _split_type(header: str, start: int) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Spans of the type, which begins at `start`, and of the default's value."""
    match = _DEFAULT.search(header, start)
    end = match.start() if match else len(header)
    trailing = _TRAILING.search(header, start, end)
    type_end = trailing.start() if trailing else end
    return (start, type_end), match.span("value") if match else None
