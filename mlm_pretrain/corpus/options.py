"""How a corpus is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlm_pretrain.config import StrictConfig


class ReadOptions(StrictConfig):
    """Settings of `read_corpus`. The defaults stop at the first fault and drop nothing but empties.

    Attributes:
        text_unit: What is one document in .txt and .md files: a line, a paragraph (lines up to a
            blank one), or the whole file.
        text_field: The field or column that holds the text in .jsonl, .json, .csv, .tsv, .parquet
            and `hf:` data.
        errors: On invalid UTF-8, NUL or half a surrogate pair: stop ("strict"), or put U+FFFD in
            its place and count it as `replaced_bytes` ("replace").
        max_bad_rows: How many rows without usable text are skipped and counted before reading
            stops, over the whole corpus.
        skip_corrupt: Skip the rest of a damaged archive or parquet file and count it as
            `corrupt_files`. What was read before the damage stays.
        max_document_bytes: Longer documents (in UTF-8 bytes) are cut at whitespace into pieces of
            at most this size, each a document of its own, and counted as `cut_documents`.
        max_row_bytes: A longer .jsonl line or .csv record is a bad row: it would have to be held
            in memory whole.
        max_expansion: An archive that grows by more than this factor is refused as a bomb (checked
            once it has given 64 MiB). Text rarely compresses beyond 20.
        drop_duplicates: Keep only the first of documents with equal text, and count the rest as
            `exact_duplicate`. Costs about 100 bytes of memory a document.
        limit_documents: Stop after this many documents.
        limit_bytes: Stop after the document with which this many UTF-8 bytes are reached.
    """

    text_unit: Literal["line", "paragraph", "file"] = "line"
    text_field: str = "text"
    errors: Literal["strict", "replace"] = "strict"
    max_bad_rows: int = Field(default=0, ge=0)
    skip_corrupt: bool = False
    max_document_bytes: int = Field(default=1 << 20, ge=64)
    max_row_bytes: int = Field(default=64 << 20, ge=64)
    max_expansion: int = Field(default=200, ge=1)
    drop_duplicates: bool = False
    limit_documents: int | None = Field(default=None, ge=1)
    limit_bytes: int | None = Field(default=None, ge=1)
