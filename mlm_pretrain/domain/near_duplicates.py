"""Documents that say nearly the same as one before: most of their runs of five words are the same.

MinHash (Broder 1997) in bands: of all hashes of a document's runs the smallest under each of 112 functions,
and two documents are taken for near duplicates where all 8 of one of 14 bands agree. That happens to a pair
that shares 75 % of its runs in 77 % of cases, at 90 % always, at 50 % in 5 % (1 − (1 − s⁸)¹⁴). The numbers
are those of Penedo et al. 2024, "The FineWeb datasets".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

import numpy as np
import xxhash
from numpy.typing import NDArray

from mlm_pretrain.corpus import Document
from mlm_pretrain.domain.overlap.letters import words_of
from mlm_pretrain.errors import InputError

RUN_WORDS = 5
BANDS, BAND_HASHES = 14, 8
_RUNS_AT_ONCE = 2048
_REASON = "near_duplicate"
BYTES_A_DOCUMENT = 1_200
_SHARE_OF_MEMORY = 0.8  # the rest is for what else runs


def _odd_numbers(seed: int, count: int) -> NDArray[np.uint64]:
    drawn = np.random.default_rng(seed).integers(0, 1 << 63, size=count, dtype=np.uint64)
    return drawn * np.uint64(2) + np.uint64(1)


_PLACES = _odd_numbers(0, RUN_WORDS)
_FACTORS, _TERMS = _odd_numbers(1, BANDS * BAND_HASHES), _odd_numbers(2, BANDS * BAND_HASHES)


class NearDuplicate:
    """A rule like the corpus's own: (keep, reason). Remembers `BYTES_A_DOCUMENT` of each document kept."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def __call__(self, document: Document) -> tuple[bool, str]:
        keys = _band_keys(signature(document.text))
        if not self._seen.isdisjoint(keys):
            return False, _REASON
        self._seen.update(keys)
        return True, _REASON


def require_room(documents: Iterable[Document], memory_bytes: int | None = None) -> None:
    """Refuse more documents than can be remembered, which else shows after hours, when the run is killed.

    Args:
        memory_bytes: that there are; None for this machine's.

    Raises:
        InputError: saying what it would take.
    """
    memory = memory_bytes or _memory_bytes()
    most = int(memory * _SHARE_OF_MEMORY) // BYTES_A_DOCUMENT
    if memory and any(True for _ in islice(documents, most, None)):
        raise InputError(
            f"near copies: the corpus has more than {most:,} documents; each takes "
            f"{BYTES_A_DOCUMENT / 1e3} KB of memory, and this machine has {memory / 1e9:.1f} GB",
            "clean it in parts, take longer units than lines (--text-unit), or leave copies in",
        )


def _memory_bytes() -> int:
    """All of this machine's; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def signature(text: str) -> NDArray[np.uint64]:
    """The smallest hash of the runs of `text` under each function (112).

    Of two texts such numbers agree with the probability that a run of either is in both.
    """
    runs = _run_hashes([word for word in words_of(text) if word])
    least = np.full(len(_FACTORS), np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(runs), _RUNS_AT_ONCE):
        some = runs[start : start + _RUNS_AT_ONCE, None] * _FACTORS + _TERMS
        np.minimum(least, some.min(axis=0), out=least)
    return least


def _run_hashes(words: list[str]) -> NDArray[np.uint64]:
    """A number for each run of five words; one for all words where they are fewer."""
    hashes = np.fromiter(map(_word_hash, words), dtype=np.uint64, count=len(words))
    count = max(1, len(hashes) - RUN_WORDS + 1)
    runs = np.zeros(count, dtype=np.uint64)
    for place, factor in enumerate(_PLACES):
        part = hashes[place : place + count]
        runs[: len(part)] += part * factor
    return (runs ^ (runs >> np.uint64(31))) * _PLACES[0]


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return xxhash.xxh3_64_intdigest(word.encode())


def _band_keys(least: NDArray[np.uint64]) -> list[int]:
    bands = least.reshape(BANDS, BAND_HASHES)
    return [xxhash.xxh3_64_intdigest(band.tobytes(), seed) for seed, band in enumerate(bands)]
