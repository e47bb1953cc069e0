"""Comma- and tab-separated values with a header, each record with the line where it starts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.shown import brief, cut
from mlm_pretrain.errors import InputError

# Characters. The csv module's own limit, 131,072, is less than a long text; a field takes up to 16 bytes
# for each while it is read.
_LONGEST_FIELD = 1 << 25


def parse_table(path: Path, lines: list[str], tabs: bool) -> Iterator[tuple[dict[str, str], int]]:
    """Records by column, and the numbers of their first lines.

    Columns are separated by commas, and quotes enclose what holds one; or by tabs, where a quote is
    text, as in GLUE.

    Raises:
        InputError: naming file and line of a record with more or fewer columns than the header, of
            a quote that is never closed, or of columns with one name.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    rows = (line + "\n" for line in lines)
    if tabs:
        reader = csv.reader(rows, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(rows, strict=True)
    names: list[str] | None = None
    first = 1
    try:
        for record in reader:
            if names is None:
                names = _checked(path, record)
            elif record:
                yield _by_column(names, record, f"{path}:{first}", tabs), first
            first = reader.line_num + 1
    except csv.Error as error:
        way_out = "close the quote that opens here" if "unexpected end" in str(error) else ""
        problem = f"{path}:{first}: not valid CSV ({cut(str(error))})"
        raise InputError(problem, way_out) from None


def _by_column(names: list[str], record: list[str], where: str, tabs: bool) -> dict[str, str]:
    if len(record) != len(names):
        raise InputError(
            f"{where}: {len(record)} columns, but the header has {len(names)}",
            "take tabs out of the text" if tabs else "quote the text that holds a comma",
        )
    return dict(zip(names, record, strict=True))


def _checked(path: Path, names: list[str]) -> list[str]:
    """The columns' names: of two that are equal, one would silently hide the other."""
    # A nameless first column is the index that pandas writes; nothing is read from it.
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        problem = f"{path}:1: more than one column is named {', '.join(map(brief, twice[:3]))}"
        raise InputError(problem, "name them differently")
    return names
