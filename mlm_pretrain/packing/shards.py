"""Files of a split: rows one after the other, readable as memory maps.

    layout.json         numbers below, dtype, max_length, vocab_size
    tokens-00000.bin    ids (uint16, or uint32 for vocabularies of 65,536 and more), row after row
    rows.bin            int64 (R + 1, 2): first token and first segment of each row, over all files
    segments.bin        uint16 (S,): low 15 bits the length with start and end token; the top bit
                        marks the segment that ends its document
    documents.bin       uint32 (S,): the key of each segment's document. Segments with different keys are of
                        different documents; copies of a document, and by rare chance others, share one

All numbers are little-endian. A row never crosses from one file of tokens to the next.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlm_pretrain.packing.rows import Row

LAYOUT, ROWS, SEGMENTS = "layout.json", "rows.bin", "segments.bin"
DOCUMENTS = "documents.bin"
FINAL = 1 << 15
_BUFFER_BYTES = 1 << 20
_PENDING_ROWS = 4096


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds every id."""
    return np.dtype("<u2" if vocab_size < 1 << 16 else "<u4")


class ShardWriter:
    """Appends rows to the files of one split; `finish` or at least `close` it."""

    def __init__(self, folder: Path, max_length: int, vocab_size: int, shard_bytes: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.max_length = max_length
        self.vocab_size = vocab_size
        self.dtype = token_dtype(vocab_size)
        self.shard_bytes = shard_bytes
        self.rows = self.segments = self.tokens = 0
        self._shards: list[dict[str, Any]] = []
        self._tokens_file: IO[bytes] | None = None
        self._rows_file = (folder / ROWS).open("wb")
        self._segments_file = (folder / SEGMENTS).open("wb")
        self._documents_file = (folder / DOCUMENTS).open("wb")
        self._starts: list[tuple[int, int]] = [(0, 0)]
        self._marks: list[int] = []
        self._keys: list[int] = []

    def append(self, row: Row) -> None:
        """Write one row."""
        ids = b"".join(row.ids)
        self._file_with_room(len(ids)).write(ids)
        self._shards[-1]["tokens"] += len(ids) // self.dtype.itemsize
        self.rows += 1
        self.tokens += len(ids) // self.dtype.itemsize
        self.segments += len(row.lengths)
        self._starts.append((self.tokens, self.segments))
        marks = zip(row.lengths, row.finals, strict=True)
        self._marks.extend(length | FINAL if final else length for length, final in marks)
        self._keys.extend(row.keys)
        if len(self._starts) >= _PENDING_ROWS:
            self._write_pending()

    def close(self) -> None:
        """Close the files, whatever was written."""
        files = (self._tokens_file, self._rows_file, self._segments_file, self._documents_file)
        for file in files:
            if file is not None:
                file.close()

    def finish(self) -> None:
        """Close, and say in `layout.json` what was written."""
        self._write_pending()
        self.close()
        layout = {
            "max_length": self.max_length,
            "vocab_size": self.vocab_size,
            "dtype": self.dtype.str,
            "rows": self.rows,
            "segments": self.segments,
            "tokens": self.tokens,
            "shards": self._shards,
        }
        (self.folder / LAYOUT).write_text(json.dumps(layout, indent=2) + "\n", encoding="utf-8")

    def _file_with_room(self, size: int) -> IO[bytes]:
        if self._tokens_file is not None:
            used = self._shards[-1]["tokens"] * self.dtype.itemsize
            if used + size <= self.shard_bytes:
                return self._tokens_file
            self._tokens_file.close()
        name = f"tokens-{len(self._shards):05d}.bin"
        self._shards.append({"file": name, "tokens": 0})
        self._tokens_file = (self.folder / name).open("wb", buffering=_BUFFER_BYTES)
        return self._tokens_file

    def _write_pending(self) -> None:
        self._rows_file.write(np.asarray(self._starts, dtype="<i8").tobytes())
        self._segments_file.write(np.asarray(self._marks, dtype="<u2").tobytes())
        self._documents_file.write(np.asarray(self._keys, dtype="<u4").tobytes())
        self._starts, self._marks, self._keys = [], [], []


def map_file(path: Path, dtype: str) -> np.ndarray:
    """A file as a read-only array. An empty file cannot be mapped and gives an empty array."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype=dtype)
    # A plain view: slicing np.memmap itself costs several times as much.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)
