"""An even sample of a corpus of any size, and how much of it are copies; read once, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import xxhash

from mlm_pretrain.corpus import Audit, Document, ReadOptions
from mlm_pretrain.corpus.cutting import cut
from mlm_pretrain.corpus.filters.exact_duplicate import ExactDuplicate
from mlm_pretrain.domain.near_duplicates import NearDuplicate
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.progress import track

# Fewer documents than this are cut into pieces before they are halved. Pieces of one document on both sides
# are more alike than two documents, so that their level of noise is too low.
_FEWEST_DOCUMENTS = 8
_PIECE_BYTES = 2048


@dataclass
class Sample:
    """Documents drawn from a corpus, in the order of the draw, and counts of all that was read.

    Attributes:
        texts: in an order that the seed decides, so that any first part of them is a sample too.
        documents, bytes: of the whole corpus.
        copies: "exact" and "near" copies among the first `copies_checked` documents.
    """

    texts: list[str] = field(default_factory=list)
    documents: int = 0
    bytes: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    copies_checked: int = 0

    @property
    def sampled_bytes(self) -> int:
        """Of the texts drawn."""
        return sum(len(text.encode()) for text in self.texts)


def draw(read: CorpusReading, sample_bytes: int, seed: int, check_copies: int = 0) -> Sample:
    """Whole documents, of at most `sample_bytes` in all (but always one), each drawn with equal chance.

    Each document gets a number made of the seed and its place in the corpus, and those with the lowest
    are kept: the same text gives the same sample, whatever its size.

    Args:
        check_copies: of so many documents, the first ones, copies are counted, and none is drawn: two
            halves of the sample would be more alike than two texts of the domain are.
    """
    sample = Sample()
    kept: list[tuple[int, int, str, int]] = []  # the highest number first
    held, limit = 0, 1 << 64
    copies = _Copies(sample, check_copies)
    for place, document in enumerate(track(read(), "doc", "reading")):
        size = len(document.text.encode())
        sample.documents, sample.bytes = sample.documents + 1, sample.bytes + size
        is_copy = copies.count(document)
        number = xxhash.xxh3_64_intdigest(f"{seed}:{place}".encode())
        if is_copy or number >= limit:
            continue
        heapq.heappush(kept, (-number, place, document.text, size))
        held += size
        while held > sample_bytes and len(kept) > 1:
            dropped = heapq.heappop(kept)
            limit, held = -dropped[0], held - dropped[3]
    sample.texts = [text for _, _, text, _ in sorted(kept, reverse=True)]
    return sample


class _Copies:
    """Counts copies into a sample, until enough documents were looked at."""

    def __init__(self, sample: Sample, most: int) -> None:
        self._sample, self._most = sample, most
        self._exact = ExactDuplicate(ReadOptions(drop_duplicates=True))
        self._near = NearDuplicate()

    def count(self, document: Document) -> bool:
        """Whether the document is a copy."""
        sample = self._sample
        if sample.copies_checked >= self._most:
            return False
        sample.copies_checked += 1
        kind = "exact" if not self._exact(document)[0] else ""
        kind = kind or ("near" if not self._near(document)[0] else "")
        if kind:
            sample.copies[kind] += 1
        return bool(kind)


def halves(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Every second text and the others; few texts are cut into pieces first."""
    some = list(texts) if len(texts) >= _FEWEST_DOCUMENTS else pieces(texts)
    return some[::2], some[1::2]


def pieces(texts: Sequence[str], seed: int = 0) -> list[str]:
    """`texts` cut at blanks into pieces of at most 2 KiB, in an order that the seed decides."""
    cuts = [
        piece.text
        for number, text in enumerate(texts)
        for piece in cut([text], str(number), _PIECE_BYTES, Audit())
    ]
    order = {n: xxhash.xxh3_64_intdigest(f"{seed}:{n}".encode()) for n in range(len(cuts))}
    return [cuts[number] for number in sorted(order, key=order.__getitem__)]
