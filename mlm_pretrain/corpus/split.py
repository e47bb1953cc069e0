"""Which documents are held out: decided by their text, so that copies stay together."""

from __future__ import annotations

import xxhash

from mlm_pretrain.corpus.document import Document
from mlm_pretrain.errors import InputError

_SEEDS = 1 << 64


def is_validation(document: Document, share: float, seed: int = 0) -> bool:
    """Whether `document` belongs to the held-out `share` (0 up to, not including, 1).

    The hash of the text decides, not its place: equal texts fall on one side in any order, in any
    file, on any machine; later pieces of a document that was cut, on that of its first. A larger share
    with the same seed holds out a superset.

    Raises:
        InputError: when `share` is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise InputError(f"validation share {share} is not in [0, 1)", "for example 0.01")
    return split_key(document.beginning, seed) < share * _SEEDS


def split_key(text: str, seed: int = 0) -> int:
    """Where among all texts this one stands: those with the lowest keys are held out first."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed % _SEEDS)
