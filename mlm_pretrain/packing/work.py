"""What a tokenising process does with a batch of documents: ids, cuts, start and end tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import xxhash

from mlm_pretrain.packing.boundaries import Boundaries
from mlm_pretrain.packing.cutting import Lengths, cut, wrap
from mlm_pretrain.packing.encoding import CheckedEncoder, Encoder
from mlm_pretrain.packing.library import LibraryEncoder, open_tokenizer


@dataclass(frozen=True, slots=True)
class Order:
    """All that a process needs to know, sent to it once."""

    tokenizer: str  # tokenizer.json as text
    dtype: str
    boundaries: Boundaries
    lengths: dict[str, Lengths]  # by split
    seed: int
    word_cache: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents of one split, in corpus order.

    `keys` say which document each text is of, in 32 bits of a hash: copies of a text have the same, and so do
    the pieces of a document that was too long. Two texts with different keys are of different documents.
    """

    split: str
    texts: list[str]
    keys: list[int]


@dataclass(frozen=True, slots=True)
class Segments:
    """A tokenised batch.

    `ids` are the bytes of all segments one after the other; `lengths` (S,) count tokens with start
    and end; `finals` (S,) mark the segment that ends its document; `keys` (S,) are those of the documents.
    """

    split: str
    ids: bytes
    lengths: list[int]
    finals: list[bool]
    keys: list[int]
    documents: int
    empty_documents: int
    text_bytes: int
    text_tokens: int


class Worker:
    """Tokenises batches. The same batch gives the same segments in any process."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._dtype = np.dtype(order.dtype)
        self._encoder: Encoder = (
            CheckedEncoder(order.tokenizer, self._dtype)
            if order.word_cache
            else LibraryEncoder(open_tokenizer(order.tokenizer), self._dtype)
        )

    def __call__(self, batch: Batch) -> Segments:
        coded = self._encoder.encode(batch.texts)
        raw = [text.encode("utf-8", "surrogatepass") for text in batch.texts]
        keys = [xxhash.xxh3_64_intdigest(text, seed=self._order.seed) for text in raw]
        counts = [len(ids) // self._dtype.itemsize for ids in coded]
        lengths = self._order.lengths[batch.split]
        cuts = [cut(count, key, lengths) for count, key in zip(counts, keys, strict=True)]
        inner = np.frombuffer(b"".join(coded), dtype=self._dtype)
        flat = [length for document in cuts for length in document]
        ids, whole = wrap(inner, flat, self._order.boundaries)
        return Segments(
            split=batch.split,
            ids=ids.tobytes(),
            lengths=whole.tolist(),
            finals=_mark_ends(cuts, len(flat)),
            keys=[key for key, part in zip(batch.keys, cuts, strict=True) for _ in part],
            documents=len(batch.texts),
            empty_documents=counts.count(0),
            text_bytes=sum(map(len, raw)),
            text_tokens=len(inner),
        )


def _mark_ends(cuts: Sequence[Sequence[int]], count: int) -> list[bool]:
    finals = [False] * count
    for end in accumulate(map(len, cuts)):
        if end:
            finals[end - 1] = True
    return finals
