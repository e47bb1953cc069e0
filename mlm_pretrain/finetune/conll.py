"""CoNLL columns: a token a line, its tag in the last column, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.shown import brief
from mlm_pretrain.errors import InputError

_DOCUMENT_MARK = "-DOCSTART-"
# `# sent_id = x`, `# newdoc`, `# id 1<TAB>domain=en`. A token `#` has its other columns instead.
_COMMENT = re.compile(
    r"# +(?:[\w.:\[\]-]+ +=(?: |$)|(?:sent_id|text) *=|new(?:doc|par)\b|id +\S+\s+\w+=)"
)
# Columns of CoNLL-U: ID, FORM, LEMMA, UPOS, …
_UNIVERSAL_COLUMNS = 10
_FORM, _UPOS = 1, 3
_UNIVERSAL_ID = re.compile(r"\d+([-.]\d+)?")
_BLANKS = " \t"


def parse_conll(path: Path, lines: list[str]) -> Iterator[tuple[list[str], list[str], list[int]]]:
    """Sentences as (tokens, tags, line numbers).

    Columns are separated by TAB where a line has one, else by spaces (and by no other blank: a
    token may hold a no-break space). Document marks (`-DOCSTART-`) hold no token and end a
    sentence; comments before a sentence are skipped. Of CoNLL-U, known by ten TAB-separated
    columns of which the first is a number, FORM and UPOS are read, without its multiword (1-2)
    and empty (1.1) lines.

    Raises:
        InputError: naming file and line of a token without a tag.
    """
    tokens: list[str] = []
    tags: list[str] = []
    numbers: list[int] = []
    universal = _is_universal(lines)
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip() and not line.startswith(_DOCUMENT_MARK):
            if not tokens and _is_comment(line, universal):
                continue
            columns = _columns(line, f"{path}:{number}", universal)
            if columns is not None:
                tokens.append(columns[0])
                tags.append(columns[1])
                numbers.append(number)
        elif tokens:
            yield tokens, tags, numbers
            tokens, tags, numbers = [], [], []


def _is_comment(line: str, universal: bool) -> bool:
    return line.startswith("#") if universal else bool(_COMMENT.match(line))


def _is_universal(lines: list[str]) -> bool:
    """Whether the first line that is neither blank nor a comment is one of CoNLL-U."""
    others = (line for line in lines if line.strip() and not line.startswith("#"))
    columns = next(others, "").split("\t", _UNIVERSAL_COLUMNS)
    return len(columns) == _UNIVERSAL_COLUMNS and bool(_UNIVERSAL_ID.fullmatch(columns[0]))


def _columns(line: str, where: str, universal: bool) -> tuple[str, str] | None:
    """Token and tag of a line, or None where CoNLL-U has no word of its own."""
    if universal:
        return _universal_columns(line.split("\t", _UNIVERSAL_COLUMNS), where)
    separator = "\t" if "\t" in line else " "
    if separator == " ":
        line = line.strip(" ")
    token = line.partition(separator)[0].strip(_BLANKS)
    _, found, last = line.rpartition(separator)
    tag = last.strip(_BLANKS)
    if not found or not token or not tag:
        raise InputError(f"{where}: expected a token and a tag, found {brief(line.strip())}")
    return token, tag


def _universal_columns(columns: list[str], where: str) -> tuple[str, str] | None:
    if len(columns) != _UNIVERSAL_COLUMNS or not _UNIVERSAL_ID.fullmatch(columns[0]):
        raise InputError(
            f"{where}: expected CoNLL-U's ten columns, found {len(columns)}: {brief(columns[0])} …",
            "separate the columns by TAB, with the token's number in the first",
        )
    word, tag = columns[_FORM].strip(_BLANKS), columns[_UPOS].strip(_BLANKS)
    if not word or not tag:
        raise InputError(f"{where}: expected a FORM and a UPOS, found {brief(columns[:4])}")
    return (word, tag) if columns[0].isdecimal() else None
