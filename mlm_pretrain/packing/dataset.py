"""Prepared rows, read at random through memory maps."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import Manifest, read_manifest, verify, verify_files
from mlm_pretrain.packing.shards import DOCUMENTS, FINAL, LAYOUT, ROWS, SEGMENTS, map_file


class RowBlock(NamedTuple):
    """Rows that follow each other.

    Attributes:
        ids_T: of all of them, one row after the other (T,).
        lengths_R: tokens of each, int64 (R,).
        segments_R: segments of each, int64 (R,).
    """

    ids_T: np.ndarray
    lengths_R: np.ndarray
    segments_R: np.ndarray


class _Maps(NamedTuple):
    """The files of a split. `documents_S` is None in data prepared before documents had keys."""

    starts_R2: np.ndarray
    segments_S: np.ndarray
    documents_S: np.ndarray | None
    shards: list[np.ndarray]


class PackedDataset:
    """One split of a folder that `prepare` wrote. Numpy alone; a torch map-style dataset by shape.

    Args:
        folder: output of `prepare`.
        split: "train" or "validation".
        verify_checksums: also compare every checksum (reads everything once); sizes always are.

    Item `i` is a dict of
        input_ids: int64 (T,) with T ≤ max_length, segments one after the other
        segment_lengths: int32 (S,), summing to T, start and end token included
        segment_final: bool (S,), True where the segment ends its document
        segment_document: int64 (S,), the key of its document: segments with different keys are of different
            documents. Left out in data that was prepared before these were kept.

    Files are mapped when first read, once in each process; pickling carries only the paths.

    Raises:
        InputError: when the folder is not finished, not of `prepare`, or a file is missing,
            truncated or (with `verify_checksums`) altered.
    """

    def __init__(self, folder: str | Path, split: str, verify_checksums: bool = False) -> None:
        self.folder = Path(folder)
        self.split = split
        self.manifest: Manifest = read_manifest(folder, "prepare")
        verify(folder, self.manifest, checksums=verify_checksums)
        self.is_verified = verify_checksums
        self._path = self.folder / split
        if not (self._path / LAYOUT).is_file():
            raise InputError(f"{folder}: has no split '{split}'", "use 'train' or 'validation'")
        layout = json.loads((self._path / LAYOUT).read_text(encoding="utf-8"))
        self.max_length: int = layout["max_length"]
        self.vocab_size: int = layout["vocab_size"]
        self.tokens: int = layout["tokens"]
        self._count: int = layout["rows"]
        self._dtype: str = layout["dtype"]
        self._files = [shard["file"] for shard in layout["shards"]]
        ends = accumulate(shard["tokens"] for shard in layout["shards"])
        self._firsts = [0, *ends][: len(self._files)]
        self._maps: _Maps | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        maps = self._maps or self._open()
        if not -self._count <= index < self._count:
            raise IndexError(f"row {index} of {self._count}")
        index %= self._count
        (token, segment), (token_end, segment_end) = maps.starts_R2[index : index + 2].tolist()
        shard = bisect_right(self._firsts, token) - 1
        first = self._firsts[shard]
        marks = maps.segments_S[segment:segment_end]
        row = {
            "input_ids": maps.shards[shard][token - first : token_end - first].astype(np.int64),
            "segment_lengths": (marks & (FINAL - 1)).astype(np.int32),
            "segment_final": marks >= FINAL,
        }
        if maps.documents_S is not None:
            row["segment_document"] = maps.documents_S[segment:segment_end].astype(np.int64)
        return row

    def verify(self) -> None:
        """Compare the checksums of this split's files, once: it reads them all.

        Raises:
            InputError: naming a file that was altered.
        """
        if not self.is_verified:
            named = self.manifest.files.items()
            verify_files(self.folder, {n: f for n, f in named if n.startswith(f"{self.split}/")})
        self.is_verified = True

    @property
    def row_lengths(self) -> np.ndarray:
        """Tokens of every row, int64 (R,)."""
        maps = self._maps or self._open()
        return np.diff(maps.starts_R2[:, 0])

    def blocks(self, tokens: int, block_tokens: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """About `tokens` tokens in blocks of about `block_tokens`, evenly spread over the rows.

        Yields:
            Ids int64 (T,) of whole rows, and the number of the segment each lies in, int64 (T,).
        """
        wanted = min(tokens, self.tokens)
        blocks = max(1, -(-wanted // block_tokens))
        rows_a_block = max(1, self._count * wanted // max(self.tokens * blocks, 1))
        for first in np.linspace(0, max(0, self._count - rows_a_block), blocks).astype(int):
            rows = [self[i] for i in range(first, min(first + rows_a_block, self._count))]
            lengths = np.concatenate([row["segment_lengths"] for row in rows])
            yield (
                np.concatenate([row["input_ids"] for row in rows]),
                np.repeat(np.arange(len(lengths)), lengths),
            )

    def row_blocks(self, rows: int) -> Iterator[RowBlock]:
        """All rows in order, so many at a time, without taking them apart."""
        maps = self._maps or self._open()
        for first in range(0, self._count, rows):
            bounds = maps.starts_R2[first : first + rows + 1]
            start, end = int(bounds[0, 0]), int(bounds[-1, 0])
            parts = [
                shard[max(start - at, 0) : max(end - at, 0)]
                for at, shard in zip(self._firsts, maps.shards, strict=True)
            ]
            lengths_R, segments_R = np.diff(bounds, axis=0).T
            yield RowBlock(np.concatenate(parts), lengths_R, segments_R)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": None}

    def _open(self) -> _Maps:
        documents = self._path / DOCUMENTS
        self._maps = _Maps(
            map_file(self._path / ROWS, "<i8").reshape(-1, 2),
            map_file(self._path / SEGMENTS, "<u2"),
            map_file(documents, "<u4") if documents.is_file() else None,
            [map_file(self._path / name, self._dtype) for name in self._files],
        )
        return self._maps
