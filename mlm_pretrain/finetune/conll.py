"""CoNLL columns: a token a line, its tag in the last column, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.errors import InputError

_DOCUMENT_MARK = "-DOCSTART-"


def parse_conll(path: Path, lines: list[str]) -> Iterator[tuple[list[str], list[str], list[int]]]:
    """Sentences as (tokens, tags, line numbers).

    Columns are separated by TAB where a line has one, else by spaces. Document marks
    (`-DOCSTART-`) hold no token and end a sentence.

    Raises:
        InputError: naming file and line of a token without a tag.
    """
    tokens: list[str] = []
    tags: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip() and not line.startswith(_DOCUMENT_MARK):
            token, tag = _columns(line, f"{path}:{number}")
            tokens.append(token)
            tags.append(tag)
            numbers.append(number)
        elif tokens:
            yield tokens, tags, numbers
            tokens, tags, numbers = [], [], []


def _columns(line: str, where: str) -> tuple[str, str]:
    columns = line.split("\t") if "\t" in line else line.split()
    token, tag = columns[0].strip(), columns[-1].strip()
    if len(columns) < 2 or not token or not tag:
        raise InputError(f"{where}: expected a token and a tag, found {line.strip()!r}")
    return token, tag
