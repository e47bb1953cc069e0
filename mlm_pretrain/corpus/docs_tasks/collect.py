"""Read docstrings until there is enough for the corpus and for every task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import xxhash

from mlm_pretrain.corpus.docs_tasks import answering, classification, tagging
from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.document import Document

TASKS: dict[str, Callable[[Document], Iterator[Example]]] = {
    "classification": classification.examples,
    "tagging": tagging.examples,
    "answering": answering.examples,
}
SIDES = ("train", "validation", "test")
# Percent of the documents that each purpose gets; the rest (half) is for pretraining.
_SHARES = (("test", 10), ("validation", 20), ("train", 50))
PRETRAINING = "pretraining"
# Examples to gather for each one wanted: copies and overlaps are dropped afterwards.
_SPARE = 1.3
_CORPUS_SPARE = 1.3
_CHECK_EVERY_DOCUMENTS = 256


@dataclass
class Pools:
    """Documents for pretraining, and examples by task, side and label; nothing dropped yet."""

    documents: list[Document] = field(default_factory=list)
    corpus_bytes: int = 0
    examples: dict[tuple[str, str, str], list[Example]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Wanted:
    """How much to gather: examples a side, UTF-8 bytes for pretraining, classes."""

    examples: dict[str, int]
    corpus_bytes: int
    classes: int

    def for_class(self, side: str) -> int:
        """Examples a class needs on `side`."""
        return -(-self.examples[side] // self.classes)


def side_of(document: Document, seed: int) -> str:
    """train, validation, test or pretraining: by a hash of the text, before anything is read."""
    percent = xxhash.xxh3_64_intdigest(document.text.encode(), seed % (1 << 64)) % 100
    return next((side for side, below in _SHARES if percent < below), PRETRAINING)


def collect(documents: Iterable[Document], wanted: Wanted, seed: int) -> Pools:
    """Sort documents and their examples into pools, and stop when every pool has enough."""
    pools = Pools()
    for number, document in enumerate(documents, 1):
        side = side_of(document, seed)
        pools.counts[f"documents_{side}"] += 1
        if side == PRETRAINING:
            _keep(document, pools, wanted)
        else:
            _add_examples(document, side, pools)
        if number % _CHECK_EVERY_DOCUMENTS == 0 and _enough(pools, wanted):
            break
    return pools


def _keep(document: Document, pools: Pools, wanted: Wanted) -> None:
    if pools.corpus_bytes < _CORPUS_SPARE * wanted.corpus_bytes:
        pools.documents.append(document)
        pools.corpus_bytes += len(document.text.encode())


def _add_examples(document: Document, side: str, pools: Pools) -> None:
    for task, extract in TASKS.items():
        for example in extract(document):
            pools.examples.setdefault((task, side, example.label), []).append(example)


def _enough(pools: Pools, wanted: Wanted) -> bool:
    if pools.corpus_bytes < _CORPUS_SPARE * wanted.corpus_bytes:
        return False
    if len(full_classes(pools, wanted, _SPARE)) < wanted.classes:
        return False
    sizes = (
        (task, side, len(pools.examples.get((task, side, ""), []))) for task, side in _unbalanced()
    )
    return all(size >= _SPARE * wanted.examples[side] for _, side, size in sizes)


def _unbalanced() -> list[tuple[str, str]]:
    return [(task, side) for task in ("tagging", "answering") for side in SIDES]


def full_classes(pools: Pools, wanted: Wanted, spare: float = 1.0) -> Sequence[str]:
    """Libraries with enough passages on every side, sorted by name."""

    def has_enough(label: str, side: str) -> bool:
        found = len(pools.examples.get(("classification", side, label), []))
        return found >= spare * wanted.for_class(side)

    names = classification.LIBRARY_NAMES
    return [name for name in names if all(has_enough(name, side) for side in SIDES)]
