"""Raw text in any of the usual formats as one stream of clean documents.

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus

audit = Audit()
for document in read_corpus(["texts/", "more.jsonl.gz"], ReadOptions(), audit):
    ...
print(audit.as_dict())
"""

from __future__ import annotations

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.fingerprint import fingerprint_corpus
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.reading import read_corpus
from mlm_pretrain.corpus.split import is_validation

__all__ = [
    "Audit",
    "Document",
    "ReadOptions",
    "fingerprint_corpus",
    "is_validation",
    "read_corpus",
]
