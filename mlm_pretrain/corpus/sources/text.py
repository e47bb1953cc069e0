"""Plain text and Markdown: a document a line, a paragraph or a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.cutting import cut, fits
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.lines import Line, read_lines
from mlm_pretrain.corpus.options import ReadOptions


def read(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a .txt or .md file; the id is the path and the document's first line.

    Any unit may be larger than memory: it is cut while it is read.
    """
    lines = read_lines(path, options, audit, options.max_document_bytes)
    if options.text_unit == "line":
        return _documents_of_lines(lines, path, options, audit)
    if options.text_unit == "paragraph":
        return _paragraphs(lines, path, options, audit)
    return cut(_joined(lines), f"{path}:1", options.max_document_bytes, audit)


def _documents_of_lines(
    lines: Iterator[Line], path: Path, options: ReadOptions, audit: Audit
) -> Iterator[Document]:
    for line in lines:
        id = f"{path}:{line.number}"
        if line.unfinished or not fits(line.text, options.max_document_bytes):
            yield from cut(_whole_line(line, lines), id, options.max_document_bytes, audit)
        else:
            yield Document(line.text, id)


def _whole_line(line: Line, following: Iterator[Line]) -> Iterator[str]:
    yield line.text
    while line.unfinished:
        line = next(following)
        yield line.text


def _paragraphs(
    lines: Iterator[Line], path: Path, options: ReadOptions, audit: Audit
) -> Iterator[Document]:
    for blank, block in groupby(lines, _ends_paragraph()):
        if blank:
            continue
        first = next(block)
        fragments = _joined(chain([first], block))  # noqa: B031 (only what follows the first)
        yield from cut(fragments, f"{path}:{first.number}", options.max_document_bytes, audit)


class _ends_paragraph:  # noqa: N801 (called like a function)
    """Whether a line is blank; a blank stretch within a long line is not a blank line."""

    def __init__(self) -> None:
        self._within_line = False

    def __call__(self, line: Line) -> bool:
        blank = not line.text.strip() and not line.unfinished and not self._within_line
        self._within_line = line.unfinished
        return blank


def _joined(lines: Iterator[Line]) -> Iterator[str]:
    """The text of `lines` in fragments, with `\\n` between lines and none at the end."""
    separator = ""
    for line in lines:
        yield separator + line.text
        separator = "" if line.unfinished else "\n"
