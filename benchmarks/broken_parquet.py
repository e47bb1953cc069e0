"""Parquet files: sound ones, ones whose column of text is none, and ones made to fill a memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_KINDS = [
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
]
_NAMES = [["text", "id"]] * 4 + [
    ["text", "text"],
    ["a", "b"],
    ["text.text", "x"],
    ["", "text"],
    ["Text", "id"],
]


def parquet(rng: Random, texts: Sequence[str]) -> bytes:
    """A sound file, of any of the ways it may be written in."""
    text = pa.array(texts).cast(rng.choice(_KINDS))
    return _written(rng, pa.table({"id": list(range(len(texts))), "text": text}))


def strange_parquet(rng: Random, texts: Sequence[str]) -> bytes:
    """A text column of another type, with nulls, twice, nested, without rows, of bytes that are no text."""
    column, count = rng.choice([*_not_text(len(texts)), *_odd_text(texts)]), len(texts)
    table = pa.table([column, pa.array(range(count))], names=rng.choice(_NAMES))
    return _written(rng, rng.choice([table, table, table, table.slice(0, 0), table.select([])]))


def _not_text(count: int) -> list[Any]:
    kinds = [
        pa.int64(),
        pa.float16(),
        pa.bool_(),
        pa.date32(),
        pa.timestamp("us", "UTC"),
        pa.decimal128(9, 2),
    ]
    numbers = pa.array([0] * count)
    return [
        *(pa.array([None] * count, kind) for kind in kinds), numbers, pa.nulls(count),
        numbers.dictionary_encode(), pa.array([b"four"] * count, pa.binary(4)),
    ]  # fmt: skip


def _odd_text(texts: Sequence[str]) -> list[Any]:
    mapping, count = pa.map_(pa.string(), pa.string()), len(texts)
    return [
        pa.array([[text] for text in texts]), pa.array([{"text": text} for text in texts]),
        pa.array([[("k", text)] for text in texts], mapping), pa.array([None] * count, pa.string()),
        pa.array([*texts[1:], None]), pa.array([None, *texts[1:]], pa.string()).dictionary_encode(),
        pa.array([b"\xff\x00"] * count), pa.array(["\x00" + text for text in texts]),
        pa.array(["\n"] * count),
    ]  # fmt: skip


def parquet_bomb(rng: Random) -> bytes:
    """One long cell, written once, in a million rows; or long equal cells in few."""
    if rng.random() < 0.5:
        cell = "x " * rng.choice([1_000, 1 << 20])
        rows = pa.array([0] * rng.choice([1_000, 1_000_000]), pa.int32())
        table = pa.table({"text": pa.DictionaryArray.from_arrays(rows, pa.array([cell]))})
    else:
        table = pa.table({"text": ["word " * 400_000] * 50})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", store_schema=False, write_statistics=False)
    return buffer.getvalue()


def _written(rng: Random, table: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        table, buffer, compression=rng.choice(["none", "snappy", "gzip", "zstd", "brotli"]),
        row_group_size=rng.choice([1, 2, 1000]), use_dictionary=rng.random() < 0.5,
        data_page_version=rng.choice(["1.0", "2.0"]), write_page_checksum=rng.random() < 0.3,
    )  # fmt: skip
    return buffer.getvalue()
