"""Parquet, read batch by batch: one row a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.decoding import decode
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.opening import corrupt
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.sources.rows import bad_row, missing_field
from mlm_pretrain.errors import InputError

# Few rows a batch: they may be whole books. A single cell has to fit in memory.
_BATCH_ROWS = 128


def read(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a .parquet file; the id is `path:row`, rows counted from 1.

    Raises:
        CorruptFileError: when the file is truncated or damaged.
        InputError: for a missing column or one that holds no text, invalid UTF-8, or past
            `options.max_bad_rows` nulls.
    """
    row = 0
    for batch in _batches(path, options.text_field):
        for raw in batch:
            row += 1
            if raw is None:
                bad_row(f"{path}:{row}", f"'{options.text_field}' is null", options, audit)
            else:
                yield Document(decode(raw, (path, row), options, audit), f"{path}:{row}")


def _batches(path: Path, field: str) -> Iterator[list[bytes | None]]:
    """The text column as bytes: decoding is left to the one rule for all formats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_column(path, file.schema_arrow, field)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[field]):
                yield batch.column(0).cast(pa.large_binary()).to_pylist()
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (pa.ArrowException, OSError) as error:
        raise corrupt(path, str(error).splitlines()[0]) from None


def _check_column(path: Path, schema: Any, field: str) -> None:
    import pyarrow.types as kinds

    if field not in schema.names:
        raise missing_field(path, field, schema.names)
    kind = schema.field(field).type
    value = kind.value_type if kinds.is_dictionary(kind) else kind
    text = (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
    if not any(is_text(value) for is_text in text):
        raise InputError(
            f"{path}: column '{field}' is {kind}, not text", "name another with text_field"
        )
