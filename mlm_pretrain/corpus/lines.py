"""Numbered lines of a text file of any compression, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.cutting import character_start
from mlm_pretrain.corpus.decoding import clean_blocks, decode
from mlm_pretrain.corpus.opening import read_blocks
from mlm_pretrain.corpus.options import ReadOptions


class Line(NamedTuple):
    """One line without its ending, or a stretch of one that is too long to hold.

    Attributes:
        number: From 1.
        text: Decoded.
        unfinished: More of the same line follows, under the same number.
    """

    number: int
    text: str
    unfinished: bool


def read_lines(path: Path, options: ReadOptions, audit: Audit, limit_bytes: int) -> Iterator[Line]:
    """Every line of `path`; one longer than `limit_bytes` comes in several unfinished stretches.

    Raises:
        InputError: as `path:line` for invalid text, naming the file for a damaged archive.
    """
    for number, raw, unfinished in _raw_lines(path, options, audit, limit_bytes):
        yield Line(number, decode(raw, (path, number), options, audit), unfinished)


def _raw_lines(
    path: Path, options: ReadOptions, audit: Audit, limit_bytes: int
) -> Iterator[tuple[int, bytes, bool]]:
    number, rest = 1, bytearray()
    for block in clean_blocks(read_blocks(path, options), path, audit):
        *complete, tail = block.split(b"\n")
        for line in complete:
            if rest:
                line, rest = bytes(rest + line), bytearray()
            if len(line) > limit_bytes:
                *stretches, line = _stretches(line, limit_bytes)
                yield from ((number, stretch, True) for stretch in stretches)
            yield number, line, False
            number += 1
        rest += tail
        if len(rest) > limit_bytes:
            *stretches, last = _stretches(bytes(rest), limit_bytes)
            yield from ((number, stretch, True) for stretch in stretches)
            rest = bytearray(last)
    if rest:
        yield number, bytes(rest), False


def _stretches(line: bytes, limit_bytes: int) -> Iterator[bytes]:
    """`line` in consecutive stretches of at most `limit_bytes` that never split a character."""
    start = 0
    while len(line) - start > limit_bytes:
        end = character_start(line, start + limit_bytes)
        yield line[start:end]
        start = end
    yield line[start:]
