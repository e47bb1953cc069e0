"""Comma- and tab-separated values with a header row, quoted as spreadsheets do."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.lines import Line, read_lines
from mlm_pretrain.corpus.opening import inner_suffix
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.shown import cut
from mlm_pretrain.corpus.sources.rows import bad_row, missing_field
from mlm_pretrain.errors import InputError

# The module's own cap of 128 KiB a field is process-wide and too small for documents;
# `_RecordLines` bounds the record instead.
_NO_FIELD_LIMIT = 2**31 - 1


def read(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a .csv or .tsv file; the id is the path and the line where the record starts.

    Raises:
        InputError: for a missing column, an unclosed quote, or past `options.max_bad_rows` records
            that cannot be used.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _NO_FIELD_LIMIT))
    lines = _RecordLines(path, options, audit)
    delimiter = "\t" if inner_suffix(path) == ".tsv" else ","
    rows = _rows(csv.reader(lines, delimiter=delimiter, strict=True), lines, options, audit)
    header = next(rows, None)
    if header is None:
        return
    if options.text_field not in header:
        raise missing_field(path, options.text_field, header)
    if header.count(options.text_field) > 1:
        problem = f"{path}: more than one column is named '{options.text_field}'"
        raise InputError(problem, "name them differently")
    column = header.index(options.text_field)
    for row in rows:
        where = f"{path}:{lines.first_number}"
        if len(row) != len(header):
            problem = f"{len(row)} fields, but the header has {len(header)}"
            bad_row(where, problem, options, audit)
        else:
            yield Document(row[column], where)


class _RecordLines:
    """Lines for the CSV reader, which remember where the current record began.

    Raises InputError when a record outgrows `max_row_bytes`: most often a quote is never closed,
    and then nothing after it can be trusted.
    """

    def __init__(self, path: Path, options: ReadOptions, audit: Audit) -> None:
        self._path, self._limit = path, options.max_row_bytes
        self._lines: Iterator[Line] = read_lines(path, options, audit, options.max_row_bytes)
        self.first_number = 0
        self._characters = 0

    def start_record(self) -> None:
        """The next line is the first of a record."""
        self.first_number = self._characters = 0

    def where(self) -> str:
        return f"{self._path}:{self.first_number}"

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.first_number = self.first_number or line.number
        self._characters += len(line.text)
        if line.unfinished or self._characters > self._limit:
            raise InputError(
                f"{self.where()}: the record is longer than max_row_bytes = {self._limit}",
                "look for a quote that is never closed, or raise max_row_bytes in the `read:` "
                "section of a recipe",
            )
        return line.text + "\n"


def _rows(
    reader: Iterator[list[str]], lines: _RecordLines, options: ReadOptions, audit: Audit
) -> Iterator[list[str]]:
    """Records that could be parsed; blank lines are counted, bad quoting is a bad row."""
    while True:
        lines.start_record()
        try:
            row = next(reader, None)
        except csv.Error as error:
            if "unexpected end" in str(error):
                problem = f"{lines.where()}: a quote that opens here is never closed"
                raise InputError(problem, "close it, or double the quotes within text") from None
            bad_row(lines.where(), f"bad quoting ({cut(str(error))})", options, audit)
            continue
        if row is None:
            return
        if not row:
            audit.counts["blank_rows"] += 1
            continue
        yield row
