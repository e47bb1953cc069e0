"""Every way to cut words into pieces, as arrays, for expectation maximisation.

Words of equal length are handled together: one row a word, one column a position. The arithmetic is
multiplication and addition in a fixed order, so that equal input gives equal bits in every process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Powers of two are exact: they keep products of small probabilities of long words representable.
_SCALE = 65536.0
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Group:
    """The words of one length: `codes` (W, n) character codes, `rows` (W,) their positions."""

    codes: np.ndarray
    rows: np.ndarray

    @property
    def length(self) -> int:
        return int(self.codes.shape[1])


def group_by_length(words: Sequence[str]) -> list[Group]:
    """Words as arrays of code points, grouped by length, shortest first."""
    rows_of: dict[int, list[int]] = {}
    for row, word in enumerate(words):
        rows_of.setdefault(len(word), []).append(row)
    groups = []
    for length, rows in sorted(rows_of.items()):
        joined = "".join(words[row] for row in rows).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(joined, dtype="<u4").reshape(len(rows), length)
        groups.append(Group(codes.astype(np.uint64), np.array(rows)))
    return groups


def hash_spans(group: Group, length: int) -> np.ndarray:
    """Hashes (W, n - length + 1) of every substring of `length` characters."""
    width = group.length - length + 1
    value = np.zeros((len(group.rows), width), dtype=np.uint64)
    for offset in range(length):
        value = (value + group.codes[:, offset : offset + width] + np.uint64(1)) * _HASH_FACTOR
        value ^= value >> np.uint64(29)
    return value


@dataclass(frozen=True, slots=True)
class Lattice:
    """Piece ids of all spans of one group: `ids[length]` is (n - length + 1, W).

    The id after the last piece stands for spans that are no piece; its probability is 0.
    """

    rows: np.ndarray
    length: int
    ids: dict[int, np.ndarray]


def build_lattices(
    groups: Sequence[Group], hashes: dict[int, np.ndarray], ids: dict[int, np.ndarray], none: int
) -> list[Lattice]:
    """Look up every span among the pieces.

    Args:
        groups: the words.
        hashes: per piece length, the sorted hashes of the pieces.
        ids: per piece length, the ids of the pieces in the order of `hashes`.
        none: the id for spans that are no piece.
    """
    lattices = []
    for group in groups:
        found = {
            length: _look_up(hash_spans(group, length), hashes[length], ids[length], none)
            for length in sorted(hashes)
            if length <= group.length
        }
        lattices.append(Lattice(group.rows, group.length, found))
    return lattices


def _look_up(spans: np.ndarray, hashes: np.ndarray, ids: np.ndarray, none: int) -> np.ndarray:
    place = np.minimum(np.searchsorted(hashes, spans), len(hashes) - 1)
    found = np.where(hashes[place] == spans, ids[place], none)
    return np.ascontiguousarray(found.T.astype(np.int32))


def scale(probabilities: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Probabilities with the scale of their lengths, and the 0 of spans that are no piece."""
    return np.append(probabilities * _SCALE**lengths, 0.0)


def log_scale(length: int) -> float:
    """The natural logarithm of the scale that a word of `length` characters carries."""
    return float(length * np.log(_SCALE))


def forward(lattice: Lattice, scaled: np.ndarray, whole_words: bool = True) -> list[np.ndarray]:
    """Scaled probability (W,) of each prefix, summed over the ways to cut it.

    Args:
        whole_words: whether a word may be one piece.
    """
    n = lattice.length
    alpha = [np.ones(len(lattice.rows))]
    for end in range(1, n + 1):
        total = np.zeros(len(lattice.rows))
        for length, ids in _spans(lattice, end):
            if whole_words or length < n:
                total += alpha[end - length] * scaled[ids[end - length]]
        alpha.append(total)
    return alpha


def _spans(lattice: Lattice, end: int) -> Iterator[tuple[int, np.ndarray]]:
    return ((length, ids) for length, ids in lattice.ids.items() if length <= end)


def expected_counts(
    lattices: Sequence[Lattice], counts: np.ndarray, scaled: np.ndarray
) -> np.ndarray:
    """Expected occurrences (P,) of each piece, over all ways to cut all words.

    Args:
        counts: occurrences (words,) of each word.
        scaled: probabilities (P + 1,) from `scale`.
    """
    expected = np.zeros(len(scaled))
    for lattice in lattices:
        for ids, weights in _posteriors(lattice, counts[lattice.rows], scaled):
            expected += np.bincount(ids.ravel(), weights.ravel(), minlength=len(scaled))
    return expected[:-1]


def _posteriors(
    lattice: Lattice, counts: np.ndarray, scaled: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Per piece length: ids and expected occurrences, both (n - length + 1, W)."""
    n = lattice.length
    alpha = forward(lattice, scaled)
    beta = [np.zeros(len(counts)) for _ in range(n)] + [counts / alpha[n]]
    weights = {length: np.empty(ids.shape) for length, ids in lattice.ids.items()}
    for start in range(n - 1, -1, -1):
        for length, ids in lattice.ids.items():
            if start + length <= n:
                step = scaled[ids[start]] * beta[start + length]
                beta[start] += step
                weights[length][start] = step * alpha[start]
    return ((ids, weights[length]) for length, ids in lattice.ids.items())
