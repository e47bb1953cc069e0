"""Bytes of a plain, .gz or .zst file as a stream of blocks, in bounded memory."""

from __future__ import annotations

import gzip
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.shown import cut
from mlm_pretrain.errors import InputError

BLOCK_BYTES = 1 << 20
# A compressed zstd block of a few bytes can stand for 128 KiB, so the input goes in by small
# portions: 1 KiB gives at most 32 MiB at once, however hostile the file is.
_ZSTD_PORTION_BYTES = 1 << 10
_EXPANSION_CHECKED_FROM_BYTES = 64 << 20
COMPRESSIONS = (".gz", ".zst")
# Endings of what holds several files, or is compressed in a way that is not read, and what unpacks it.
_UNPACKERS = {
    ".tar": "tar -xf", ".tgz": "tar -xf", ".tzst": "tar -xf", ".tbz2": "tar -xf", ".txz": "tar -xf",
    ".zip": "unzip", ".7z": "7z x", ".rar": "unrar x", ".bz2": "bunzip2", ".xz": "unxz",
    ".lz4": "unlz4",
}  # fmt: skip


class CorruptFileError(InputError):
    """A file that cannot be read to its end; skipped and counted under `skip_corrupt`."""


class ExpansionError(InputError):
    """A file that holds far more than its size says, as one does that is made to fill a memory."""


def corrupt(path: Path, detail: object) -> CorruptFileError:
    """The error for a damaged file, with the two ways out."""
    return CorruptFileError(
        f"{path}: damaged or incomplete ({cut(str(detail))})",
        "fetch the file again, or set skip_corrupt (--skip-corrupt) to count it and keep what was "
        "read before",
    )


def check_expansion(path: Path, given: int, taken: int, options: ReadOptions) -> None:
    """Whether a file may give `given` bytes for `taken` of its own.

    Raises:
        ExpansionError: beyond `options.max_expansion`, once there are 64 MiB.
    """
    if given > max(_EXPANSION_CHECKED_FROM_BYTES, options.max_expansion * taken):
        raise ExpansionError(
            f"{path}: expands to more than {options.max_expansion} times its size",
            "if the file is what you want, raise max_expansion in the `read:` section of a recipe",
        )


def inner_suffix(path: Path) -> str:
    """The extension in small letters, without the one of a compression: ".csv" for A.CSV.gz."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSIONS else suffix


def how_to_unpack(path: Path) -> str:
    """What to do about an archive, which is not opened here; nothing for other files.

    An archive may hold links, paths that lead out of its folder, and any number of files: who
    unpacks it sees what is in it.
    """
    inner = Path(path.stem).suffix.lower()
    suffix = inner if inner == ".tar" else path.suffix.lower()
    if suffix not in _UNPACKERS:
        return ""
    return f"unpack it first ({_UNPACKERS[suffix]} {shlex.quote(path.name)}) and name what it holds"


def read_blocks(path: Path, options: ReadOptions) -> Iterator[bytes]:
    """Decompressed blocks of about 1 MiB, read only as they are asked for.

    Raises:
        CorruptFileError: when an archive is truncated, damaged or not an archive at all.
        ExpansionError: when it expands beyond `options.max_expansion`.
        InputError: when the file cannot be opened.
    """
    decompress = _READERS.get(path.suffix.lower(), _read_plain)
    try:
        with path.open("rb") as file:
            given = 0
            for block in decompress(path, file):
                given += len(block)
                check_expansion(path, given, file.tell(), options)
                yield block
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


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
