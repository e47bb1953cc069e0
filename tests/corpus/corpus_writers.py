"""Write the same texts in every format and compression the corpus reads."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard


def _lines(texts: Sequence[str]) -> bytes:
    return "".join(text + "\n" for text in texts).encode()


def _jsonl(texts: Sequence[str]) -> bytes:
    return "".join(json.dumps({"id": 1, "text": t}) + "\n" for t in texts).encode()


def _separated(delimiter: str) -> Callable[[Sequence[str]], bytes]:
    def encode(texts: Sequence[str]) -> bytes:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=delimiter)
        writer.writerows([["id", "text"], *([1, text] for text in texts)])
        return buffer.getvalue().encode()

    return encode


def _parquet(texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"id": [1] * len(texts), "text": pa.array(texts, pa.string())})
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[Sequence[str]], bytes]] = {
    ".txt": _lines,
    ".md": _lines,
    ".jsonl": _jsonl,
    ".json": _jsonl,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".parquet": _parquet,
}
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
KINDS = [(f, c) for f in ENCODERS for c in COMPRESSORS if f != ".parquet" or not c]


def write(folder: Path, kind: tuple[str, str], texts: Sequence[str]) -> Path:
    """`texts` in a file of that format and compression."""
    path = folder / f"corpus{kind[0]}{kind[1]}"
    path.write_bytes(COMPRESSORS[kind[1]](ENCODERS[kind[0]](texts)))
    return path
