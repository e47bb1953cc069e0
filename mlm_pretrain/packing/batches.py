"""The corpus as batches for the tokenising processes: which document goes to which split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import xxhash

from mlm_pretrain.corpus import Audit, Document, is_validation, read_corpus
from mlm_pretrain.packing.config import PrepareConfig
from mlm_pretrain.packing.work import Batch

_KEYS = 1 << 32


class Keyed(NamedTuple):
    """A document, or a piece of one that was too long, the hash of its text, and the key of the whole (see
    `Batch`)."""

    document: Document
    digest: int
    key: int


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

    def _with_share(self) -> Iterator[tuple[str, Keyed]]:
        share, seed = self._config.validation_share, self._config.seed
        for keyed in _keyed(read_corpus(self._corpus, self._config.read, self.audit)):
            is_held_out = share and is_validation(keyed.document, share, seed)
            yield "validation" if is_held_out else "train", keyed

    def _validation(self, known: set[int]) -> Iterator[tuple[str, Keyed]]:
        unlimited = {"limit_documents": None, "limit_bytes": None}
        options = self._config.read.model_copy(update=unlimited)
        files = self._config.validation_corpus
        for keyed in _keyed(read_corpus(files, options, self.validation_audit)):
            known.add(keyed.digest)
            yield "validation", keyed

    def _training(self, known: set[int]) -> Iterator[tuple[str, Keyed]]:
        for keyed in _keyed(read_corpus(self._corpus, self._config.read, self.audit)):
            if keyed.digest in known:
                self.held_out += 1
            else:
                yield "train", keyed


def _keyed(documents: Iterable[Document]) -> Iterator[Keyed]:
    for document in documents:
        digest = _digest(document.text)
        whole = digest if document.first is None else _digest(document.first)
        yield Keyed(document, digest, whole % _KEYS)


def _digest(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def _gather(documents: Iterator[tuple[str, Keyed]], batch_bytes: int) -> Iterator[Batch]:
    waiting: dict[str, list[Keyed]] = {"train": [], "validation": []}
    sizes = {"train": 0, "validation": 0}
    for split, keyed in documents:
        waiting[split].append(keyed)
        sizes[split] += len(keyed.document.text)
        if sizes[split] >= batch_bytes:
            yield _batch(split, waiting[split])
            waiting[split], sizes[split] = [], 0
    for split, rest in waiting.items():
        if rest:
            yield _batch(split, rest)


def _batch(split: str, documents: Sequence[Keyed]) -> Batch:
    texts = [keyed.document.text for keyed in documents]
    return Batch(split, texts, [keyed.key for keyed in documents])
