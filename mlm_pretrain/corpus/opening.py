"""Bytes of a plain, .gz or .zst file as a stream of blocks, in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.errors import InputError

BLOCK_BYTES = 1 << 20
# A compressed zstd block of a few bytes can stand for 128 KiB, so the input goes in by small
# portions: 1 KiB gives at most 32 MiB at once, however hostile the file is.
_ZSTD_PORTION_BYTES = 1 << 10
_EXPANSION_CHECKED_FROM_BYTES = 64 << 20
COMPRESSIONS = (".gz", ".zst")


class CorruptFileError(InputError):
    """A file that cannot be read to its end; skipped and counted under `skip_corrupt`."""


def corrupt(path: Path, detail: object) -> CorruptFileError:
    """The error for a damaged file, with the two ways out."""
    return CorruptFileError(
        f"{path}: damaged or incomplete ({detail})",
        "fetch the file again, or set skip_corrupt to count it and keep what was read before",
    )


def read_blocks(path: Path, options: ReadOptions) -> Iterator[bytes]:
    """Decompressed blocks of about 1 MiB, read only as they are asked for.

    Raises:
        CorruptFileError: when an archive is truncated, damaged or not an archive at all.
        InputError: when the file cannot be opened, or expands beyond `options.max_expansion`.
    """
    decompress = _READERS.get(path.suffix.lower(), _read_plain)
    try:
        with path.open("rb") as file:
            yield from _refuse_bombs(path, file, decompress(path, file), options.max_expansion)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _refuse_bombs(
    path: Path, file: BinaryIO, blocks: Iterator[bytes], max_expansion: int
) -> Iterator[bytes]:
    produced = 0
    for block in blocks:
        produced += len(block)
        if produced > max(_EXPANSION_CHECKED_FROM_BYTES, max_expansion * file.tell()):
            raise InputError(
                f"{path}: expands to more than {max_expansion} times its size",
                "if the file is what you want, raise max_expansion in the `read:` section of a recipe",
            )
        yield block


def _read_plain(path: Path, file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _read_gzip(path: Path, file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as archive:
            yield from _read_plain(path, archive)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise corrupt(path, error) from None


def _read_zstd(path: Path, file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    try:
        yield from _zstd_frames(path, file)
    except zstandard.ZstdError as error:
        raise corrupt(path, error) from None


def _zstd_frames(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """All frames of the file. The library's own reader ends quietly on a truncated frame."""
    from zstandard import ZstdDecompressor

    frame, parts, size = ZstdDecompressor().decompressobj(), [], 0
    inside = False
    while portion := file.read(_ZSTD_PORTION_BYTES):
        while portion:
            if frame.eof:
                frame = ZstdDecompressor().decompressobj()
            parts.append(frame.decompress(portion))
            size += len(parts[-1])
            portion = frame.unused_data if frame.eof else b""
            inside = not frame.eof
            if size >= BLOCK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
    if parts:
        yield b"".join(parts)
    if inside:
        raise corrupt(path, "the zstd frame has no end")


_READERS: dict[str, Callable[[Path, BinaryIO], Iterator[bytes]]] = {
    ".gz": _read_gzip,
    ".zst": _read_zstd,
}
