"""A corpus without the texts of a task's test and validation files, in two readings.

The first counts in how many places each part of a text stands, so that the second knows which are common
property.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from mlm_pretrain.corpus import Document
from mlm_pretrain.domain.overlap.counting import Overlap
from mlm_pretrain.domain.overlap.index import Shared, TextIndex
from mlm_pretrain.domain.overlap.rules import ALONE, STOCK_PLACES, WHOLE, may_be_stock
from mlm_pretrain.domain.overlap.scanning import Place, scan
from mlm_pretrain.domain.overlap.texts import HeldOutText

Reading = Callable[[], Iterable[Document]]


class Stock:
    """In how many places of the corpus each word of each text stands, as part of what they share."""

    def __init__(self, index: TextIndex) -> None:
        self._index = index
        self._places: Counter[tuple[int, int]] = Counter()

    def add(self, place: Place) -> None:
        """Count the words that no place before has of the same copy."""
        if self._is_part(place.shared):
            self._places.update((place.shared.text, word) for word in place.new)

    def __contains__(self, shared: Shared) -> bool:
        if not self._is_part(shared):
            return False
        words = range(shared.first, shared.end)
        return all(self._places[shared.text, word] > STOCK_PLACES for word in words)

    def _is_part(self, shared: Shared) -> bool:
        if shared.reason in (WHOLE, ALONE):
            return False
        return may_be_stock(shared.first, shared.end, self._index.words(shared.text))


def find_overlap(read: Reading, texts: Sequence[HeldOutText]) -> Overlap:
    """What of `texts` is in the corpus that `read` reads.

    Args:
        read: gives the documents anew each time it is called.
    """
    overlap = Overlap(TextIndex(texts))
    for _ in without_overlap(read, overlap):
        pass
    return overlap


def without_overlap(read: Reading, overlap: Overlap) -> Iterator[tuple[Document, str]]:
    """Every document with what is left of its text, "" where nothing is; `overlap` counts the rest."""
    index = overlap.index
    stock = Stock(index)
    for _, places in scan(read(), index):
        for place in places:
            stock.add(place)
    for document, places in scan(read(), index):
        kept, removed = _divided(places, stock)
        yield document, overlap.take_out(document, removed, kept)


def _divided(places: Sequence[Place], stock: Stock) -> tuple[list[Place], list[Place]]:
    """Places with stock phrases, and the others."""
    kept = [place for place in places if place.shared in stock]
    return kept, [place for place in places if place.shared not in stock]
