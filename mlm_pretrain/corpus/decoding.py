"""Bytes to text under one rule, told once and used for every format.

Encoding. Text is UTF-8. A UTF-8 byte order mark at the start of a file is stripped. A UTF-16 or
UTF-32 mark stops the reading with the command that converts the file. An invalid byte, a NUL, or
half a surrogate pair (possible in JSON escapes) stops it at `path:line`, or under
`errors="replace"` becomes U+FFFD and is counted as `replaced_bytes`.

Line endings. `\\n`, `\\r\\n` and a lone `\\r` each end a line, mixed as they may be; nothing else
does (not form feed, not U+2028). Within a document's text all three become `\\n`, also inside CSV
fields, JSON strings and parquet cells.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.opening import COMPRESSIONS
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.errors import InputError

REPLACEMENT = "\ufffd"
_UTF8_MARK = b"\xef\xbb\xbf"
_FOREIGN_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_REPLACE = "set errors to replace (--errors replace)"


class EncodingError(InputError):
    """Text that is not UTF-8, or holds what no text does."""


def clean_blocks(blocks: Iterator[bytes], path: Path, audit: Audit) -> Iterator[bytes]:
    """The same bytes without a UTF-8 mark and with `\\n` as the only line ending.

    Raises:
        InputError: when the file starts with a UTF-16 or UTF-32 byte order mark.
    """
    held = b""
    for block in _without_mark(blocks, path, audit):
        block = held + block
        # A \r at the edge may be half of \r\n: it waits for the next block.
        held = b"\r" if block.endswith(b"\r") else b""
        yield _normalise(block[:-1] if held else block)
    if held:
        yield b"\n"


def _normalise(block: bytes) -> bytes:
    if b"\r" not in block:
        return block
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _without_mark(blocks: Iterator[bytes], path: Path, audit: Audit) -> Iterator[bytes]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= 4:
            break
    for mark, name in _FOREIGN_MARKS.items():
        if head.startswith(mark):
            raise InputError(
                f"{path}: is {name}, and UTF-8 is needed",
                f"convert it: {_conversion(path, name)}",
            )
    if head.startswith(_UTF8_MARK):
        audit.counts["byte_order_marks"] += 1
        head = head[len(_UTF8_MARK) :]
    yield head
    yield from blocks


def _conversion(path: Path, encoding: str) -> str:
    """The command that writes `path` in UTF-8 beside it."""
    convert, name = f"iconv -f {encoding} -t UTF-8", shlex.quote(path.name)
    if path.suffix.lower() not in COMPRESSIONS:
        return f"{convert} {name} > {shlex.quote(f'{path.stem}-utf8{path.suffix}')}"
    unpack = "gunzip" if path.suffix.lower() == ".gz" else "zstd"
    inner = Path(path.stem)
    return f"{unpack} -dc {name} | {convert} > {shlex.quote(f'{inner.stem}-utf8{inner.suffix}')}"


def decode(raw: bytes, where: tuple[object, int], options: ReadOptions, audit: Audit) -> str:
    """Text of `raw` under the encoding rule; `where` is (path, line or row).

    Raises:
        EncodingError: on an invalid byte or NUL under `errors="strict"`, as `path:line`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if options.errors == "strict":
            raise EncodingError(
                f"{where[0]}:{where[1]}: invalid UTF-8 (byte 0x{raw[error.start]:02x})",
                f"convert the file (iconv -f LATIN1 -t UTF-8, if it is Latin-1), or {_REPLACE}",
            ) from None
        text = raw.decode("utf-8", "surrogateescape")  # one surrogate for each invalid byte
    if "\0" not in text and options.errors == "strict":
        return text
    return clean_text(text, f"{where[0]}:{where[1]}", options, audit)


def clean_text(text: str, where: str, options: ReadOptions, audit: Audit) -> str:
    """`text` with one line ending, and without NUL and lone surrogates, under the same rule."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _unusable(text):
        return text
    if options.errors == "strict":
        what = "a NUL character" if "\0" in text else "half a surrogate pair"
        hint = "if the file is UTF-16 or binary, convert it; " if "\0" in text else ""
        raise EncodingError(f"{where}: holds {what}", f"{hint}or {_REPLACE}")
    nuls = text.count("\0")  # a disk that lost its power leaves millions of them
    text, halves = _HALF_A_PAIR.subn(REPLACEMENT, text.replace("\0", REPLACEMENT))
    audit.note("replaced_bytes", where, nuls + halves)
    return text


def _unusable(text: str) -> bool:
    if "\0" in text:
        return True
    if text.isascii():
        return False
    try:  # only a surrogate cannot be encoded; ten times faster than a search for one
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
