"""Keep the first of documents with equal text."""

from __future__ import annotations

import xxhash

from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.options import ReadOptions


class ExactDuplicate:
    """On under `drop_duplicates`. Remembers 64-bit hashes, about 100 bytes a document.

    Among a billion documents the chance that any two different ones share a hash is about 3 %.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._active = options.drop_duplicates
        self._seen: set[int] = set()

    def __call__(self, document: Document) -> tuple[bool, str]:
        if not self._active:
            return True, "exact_duplicate"
        digest = xxhash.xxh3_64_intdigest(document.text.encode())
        if digest in self._seen:
            return False, "exact_duplicate"
        self._seen.add(digest)
        return True, "exact_duplicate"
