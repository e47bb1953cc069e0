"""The corpus as batches for the tokenising processes: which document goes to which split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import xxhash

from mlm_pretrain.corpus import Audit, Document, is_validation, read_corpus
from mlm_pretrain.packing.config import PrepareConfig
from mlm_pretrain.packing.work import Batch

_LATER_PIECE = re.compile(r"#\d+$")


class Batches:
    """Batches of about `batch_bytes` of text, each of one split, in corpus order.

    `audit` and `validation_audit` count what was read; `held_out` counts training documents left
    out because `validation_corpus` has the same text.
    """

    def __init__(self, corpus: Sequence[str], config: PrepareConfig) -> None:
        self._corpus = corpus
        self._config = config
        self.audit = Audit()
        self.validation_audit = Audit()
        self.held_out = 0

    def __iter__(self) -> Iterator[Batch]:
        config = self._config
        if not config.validation_corpus:
            yield from _gather(self._with_share(), config.batch_bytes)
            return
        known: set[int] = set()
        yield from _gather(self._validation(known), config.batch_bytes)
        yield from _gather(self._training(known), config.batch_bytes)

    def _with_share(self) -> Iterator[tuple[str, str]]:
        share, seed = self._config.validation_share, self._config.seed
        split = "train"
        for document in read_corpus(self._corpus, self._config.read, self.audit):
            # Later pieces of a document that was too long follow its first piece.
            if share and not _LATER_PIECE.search(document.id):
                split = "validation" if is_validation(document, share, seed) else "train"
            yield split, document.text

    def _validation(self, known: set[int]) -> Iterator[tuple[str, str]]:
        unlimited = {"limit_documents": None, "limit_bytes": None}
        options = self._config.read.model_copy(update=unlimited)
        files = self._config.validation_corpus
        for document in read_corpus(files, options, self.validation_audit):
            known.add(_hash(document))
            yield "validation", document.text

    def _training(self, known: set[int]) -> Iterator[tuple[str, str]]:
        for document in read_corpus(self._corpus, self._config.read, self.audit):
            if _hash(document) in known:
                self.held_out += 1
            else:
                yield "train", document.text


def _hash(document: Document) -> int:
    return xxhash.xxh3_64_intdigest(document.text.encode())


def _gather(documents: Iterator[tuple[str, str]], batch_bytes: int) -> Iterator[Batch]:
    waiting: dict[str, list[str]] = {"train": [], "validation": []}
    sizes = {"train": 0, "validation": 0}
    for split, text in documents:
        waiting[split].append(text)
        sizes[split] += len(text)
        if sizes[split] >= batch_bytes:
            yield Batch(split, waiting[split])
            waiting[split], sizes[split] = [], 0
    for split, texts in waiting.items():
        if texts:
            yield Batch(split, texts)
