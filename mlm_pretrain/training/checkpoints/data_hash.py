"""One hash of what a dataset holds, so that a run is not resumed on other data."""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from mlm_pretrain.packing import PackedDataset

# Of a dataset that is not ours nor Arrow's: so many rows, evenly spread.
_SAMPLED_ROWS = 4096
_BLOCK_ROWS = 10_000


def hash_dataset(dataset: Any) -> str | None:
    """Of prepared data the manifest's and the split; of Arrow tables all they hold; of other datasets the
    length and up to 4,096 rows. None for a stream, which cannot be looked into."""
    if isinstance(dataset, PackedDataset):
        content = f"{dataset.manifest.content_hash}:{dataset.split}"
        return xxhash.xxh3_128_hexdigest(content.encode())
    if dataset is None or not hasattr(dataset, "__len__"):
        return None
    digest = xxhash.xxh3_128(str(len(dataset)).encode())
    if hasattr(dataset, "with_format") and hasattr(dataset, "features"):
        _add_table(digest, dataset)
    else:
        _add_rows(digest, dataset)
    return digest.hexdigest()


def _add_table(digest: Any, dataset: Any) -> None:
    """All rows, in the format of Arrow's streams."""
    import pyarrow

    tables = dataset.with_format("arrow")
    for first in range(0, len(dataset), _BLOCK_ROWS):
        table = tables[first : first + _BLOCK_ROWS].combine_chunks().replace_schema_metadata(None)
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(memoryview(sink.getvalue()))


def _add_rows(digest: Any, dataset: Any) -> None:
    count = len(dataset)
    for index in np.unique(np.linspace(0, max(count - 1, 0), _SAMPLED_ROWS).astype(int))[:count]:
        row = dataset[int(index)]
        items = sorted(row.items()) if isinstance(row, dict) else [("", row)]
        for name, value in items:
            digest.update(f"{name}:".encode())
            digest.update(
                np.ascontiguousarray(value).tobytes() if _is_array(value) else repr(value).encode()
            )


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "numpy")
