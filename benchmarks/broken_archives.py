"""Archives that are damaged, of another kind than they say, or made to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import zstandard

_BOMB_BYTES = 96 << 20
_UNITS = [
    b"\x00",
    b"word ",
    b"[",
    b"a line of text, " * 16 + b"\n",
    b'{"text": "a"' + b" " * 200 + b"}\n",
]
_MEMBERS = [
    ("a.txt", tarfile.REGTYPE, ""), ("../../out.txt", tarfile.REGTYPE, ""), ("/etc/x", tarfile.REGTYPE, ""),
    ("link.txt", tarfile.SYMTYPE, "/etc/passwd"), ("hard.txt", tarfile.LNKTYPE, "../a"),
    ("device", tarfile.CHRTYPE, ""),
]  # fmt: skip
Compress = Callable[[bytes], bytes]
COMPRESSORS: dict[str, Compress] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def bomb(rng: Random, suffix: str) -> bytes:
    """A small file of 96 MB: of nothing, of one word, of lines, of brackets, or all in one JSON string."""
    return _bomb(suffix, rng.choice([b"", b"", b'{"text": "']), rng.choice(_UNITS))


@cache
def _bomb(suffix: str, start: bytes, unit: bytes) -> bytes:
    gz, zst = zlib.compressobj(6, zlib.DEFLATED, 31), zstandard.ZstdCompressor().compressobj()
    compressor: Any = zst if suffix == ".zst" else gz
    block = unit * ((1 << 20) // len(unit))
    parts = [compressor.compress(start)]
    parts += [compressor.compress(block) for _ in range(_BOMB_BYTES >> 20)]
    return b"".join([*parts, compressor.flush()])


def strange_gzip(rng: Random, data: bytes) -> bytes:
    """Legal and illegal headers, many members, empty members, a wrong sum or size."""
    compress = COMPRESSORS[".gz"]
    whole = compress(data)
    raw = whole[10:-8]
    named = b"\x1f\x8b\x08\x08" + whole[4:10] + b"n" * rng.choice([3, 300_000])
    return rng.choice([
        named + b"\x00" + whole[10:], named, b"\x1f\x8b\x08\x04" + whole[4:10] + b"\xff\xff" + whole[10:],
        b"\x1f\x8b\x07" + whole[3:], b"".join(compress(data[n : n + 1]) for n in range(min(len(data), 200))),
        compress(b"") * 2_000 + whole, whole + b"\x00" * 100, whole[:10] + raw + struct.pack("<II", 0, 0),
        whole[:-4] + struct.pack("<I", 1), compress(whole), zlib.compress(data), raw, whole * 3,
    ])  # fmt: skip


def strange_zstd(rng: Random, data: bytes) -> bytes:
    """Skippable, empty, many and nested frames, a wide or wrong window, no end, an old format."""
    compress, gzipped = zstandard.ZstdCompressor().compress, COMPRESSORS[".gz"](data)
    whole = compress(data)
    skipped = b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"
    wide = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    frame = zstandard.ZstdCompressor(compression_params=wide).compress
    return rng.choice([
        skipped + whole, whole + skipped, skipped, skipped[:6], compress(b"") * 2_000 + whole, whole * 3,
        frame(data), compress(whole), whole[:4], whole[:4] + b"\xff" * 40,
        b"\x28\xb5\x2f\xfd\x00\xf8" + whole[6:], b"\x27\xb5\x2f\xfd" + whole[4:], whole + gzipped,
    ])  # fmt: skip


def other_archive(rng: Random, data: bytes) -> bytes:
    """An archive of a kind that is not read, with links and paths that lead out of its folder."""
    tar = _tar(data)
    compress = rng.choice(
        [bytes, COMPRESSORS[".gz"], COMPRESSORS[".zst"], bz2.compress, lzma.compress]
    )
    return rng.choice([compress(tar), compress(data), _zip(data)])


def _tar(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, target in _MEMBERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            entry.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _zip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "../../out.txt"):
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()
