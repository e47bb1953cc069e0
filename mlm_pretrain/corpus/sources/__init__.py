"""Where documents come from. To add a source: a file here and a line in a registry.

`FILE_SOURCES` maps a file extension to `read(path, options, audit)`; `NAMED_SOURCES` maps the name
before the first colon of a spec to `read(argument, options, audit)`, with `fingerprint(argument)`
beside it. Both yield documents; cleaning, cutting, filtering and limits follow for all alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.sources import csv, hub, installed_docs, jsonl, parquet, text

FileReader = Callable[[Path, ReadOptions, Audit], Iterator[Document]]


class NamedSource(NamedTuple):
    """A source that is not a file: `name` or `name:argument`."""

    read: Callable[[str, ReadOptions, Audit], Iterator[Document]]
    fingerprint: Callable[[str], dict[str, Any]]


FILE_SOURCES: dict[str, FileReader] = {
    ".txt": text.read,
    ".md": text.read,
    ".jsonl": jsonl.read,
    ".json": jsonl.read,
    ".csv": csv.read,
    ".tsv": csv.read,
    ".parquet": parquet.read,
}
UNCOMPRESSED_ONLY = frozenset({".parquet"})  # parquet compresses its own pages

NAMED_SOURCES: dict[str, NamedSource] = {
    "installed-docs": NamedSource(installed_docs.read, installed_docs.fingerprint),
    "hf": NamedSource(hub.read, hub.fingerprint),
}
