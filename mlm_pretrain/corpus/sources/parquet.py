"""Parquet, read batch by batch: one row a document."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.decoding import decode
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.opening import check_expansion, corrupt
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.shown import cut
from mlm_pretrain.corpus.sources.rows import bad_row, missing_field
from mlm_pretrain.errors import InputError

# Few rows a batch: they may be whole books. A single cell and page have to fit in memory.
_BATCH_ROWS = 128
_BATCH_BYTES = 64 << 20
_LONGEST_TYPE = 80  # of a nested column's, in a message


def read(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a .parquet file; the id is `path:row`, rows counted from 1.

    Raises:
        CorruptFileError: when the file is truncated or damaged.
        ExpansionError: when it expands beyond `options.max_expansion`.
        InputError: for a missing column or one that holds no text, invalid UTF-8, or past
            `options.max_bad_rows` nulls.
    """
    row = given = 0
    size = path.stat().st_size
    for batch in _batches(path, options):
        for raw in batch:
            row += 1
            if raw is None:
                bad_row(f"{path}:{row}", f"'{options.text_field}' is null", options, audit)
                continue
            given += len(raw)
            check_expansion(path, given, size, options)
            yield Document(decode(raw, (path, row), options, audit), f"{path}:{row}")


def _batches(path: Path, options: ReadOptions) -> Iterator[list[bytes | None]]:
    """The text column as bytes: decoding is left to the one rule for all formats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    field = options.text_field
    try:
        # Opened here: the library takes no name that is not UTF-8.
        with path.open("rb") as first, path.open("rb") as second, pq.ParquetFile(first) as file:
            _check_column(path, file.schema_arrow, field)
            _check_size(path, file.metadata, options)
            coded = pq.ParquetFile(second, metadata=file.metadata, read_dictionary=[field])
            rows_of = partial(_rows_a_batch, coded, field)
            for rows, alike in groupby(range(file.num_row_groups), rows_of):
                for batch in file.iter_batches(rows, row_groups=list(alike), columns=[field]):
                    yield batch.column(0).cast(pa.large_binary()).to_pylist()
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last in a name
        raise corrupt(path, str(error).partition("\n")[0]) from None


def _check_column(path: Path, schema: Any, field: str) -> None:
    import pyarrow.types as kinds

    if field not in schema.names:
        raise missing_field(path, field, schema.names)
    if schema.names.count(field) > 1:
        problem = f"{path}: more than one column is named '{field}'"
        raise InputError(problem, "name them differently")
    kind = schema.field(field).type
    value = kind.value_type if kinds.is_dictionary(kind) else kind
    if not any(is_text(value) for is_text in _text_kinds(kinds)):
        raise InputError(
            f"{path}: column '{field}' is {cut(str(kind), _LONGEST_TYPE)}, not text",
            "name another with text_field (--text-field)",
        )


def _text_kinds(kinds: Any) -> list[Any]:
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    return [getattr(kinds, f"is_{name}") for name in names]


def _check_size(path: Path, metadata: Any, options: ReadOptions) -> None:
    """Pages are unpacked whole: what they hold is looked at before."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    whole = sum(group.total_byte_size for group in groups)
    check_expansion(path, whole, path.stat().st_size, options)


def _rows_a_batch(coded: Any, field: str, group: int) -> int:
    """As many as fit in memory, if each repeats all cells that the group writes once, by number.

    The file does not say how long these are. They are read as they are written, with one row.
    """
    import pyarrow as pa

    if coded.metadata.row_group(group).total_byte_size <= _BATCH_BYTES // _BATCH_ROWS:
        return _BATCH_ROWS
    try:
        first = next(coded.iter_batches(1, row_groups=[group], columns=[field]), None)
    except (pa.ArrowException, OSError):  # it will be read after the groups before it
        return 1
    if first is None or not hasattr(first.column(0), "dictionary"):
        return _BATCH_ROWS
    longest = max(1, first.column(0).dictionary.nbytes)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // longest))
