"""Segments → rows: the best fit among a bounded number of open rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Row:
    """A row being filled: the bytes of its segments' ids, their lengths, final flags and documents' keys."""

    space: int
    ids: list[bytes] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    finals: list[bool] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)


class RowPacker:
    """Packs segments into rows of at most `max_length` tokens, in constant memory.

    A segment goes into the open row that it fills exactly; else into the fullest row in which it
    leaves at least `shortest` tokens of room, so that more can follow; else into a new row. Beyond
    `open_rows` it goes where it fits most tightly, or the fullest row is closed. Open rows lie in
    stacks by free space, and an integer with one bit a non-empty stack finds a fit without search.

    Args:
        smallest: a row with less room than this is closed at once.
        shortest: usual length of the shortest segments.
    """

    def __init__(self, max_length: int, smallest: int, shortest: int, open_rows: int) -> None:
        self.max_length = max_length
        self.smallest = smallest
        self.shortest = shortest
        self.open_rows = open_rows
        self._stacks: list[list[Row]] = [[] for _ in range(max_length + 1)]
        self._present = 0
        self._open = 0

    def add(self, ids: bytes, length: int, final: bool, key: int) -> Row | None:
        """Place one segment; returns a row that is closed by it, if any."""
        row = self._best(length) or Row(self.max_length)
        row.ids.append(ids)
        row.lengths.append(length)
        row.finals.append(final)
        row.keys.append(key)
        row.space -= length
        if row.space < self.smallest:
            return row
        self._stacks[row.space].append(row)
        self._present |= 1 << row.space
        self._open += 1
        return self._take(self._lowest(self._present)) if self._open > self.open_rows else None

    def flush(self) -> Iterator[Row]:
        """Close every open row."""
        while self._present:
            yield self._take(self._lowest(self._present))

    def _best(self, length: int) -> Row | None:
        if self._present >> length & 1:
            return self._take(length)
        roomy = self._present >> (length + self.shortest)
        if roomy:
            return self._take(length + self.shortest + self._lowest(roomy))
        fitting = self._present >> length
        if fitting and self._open >= self.open_rows:
            return self._take(length + self._lowest(fitting))
        return None

    def _take(self, space: int) -> Row:
        stack = self._stacks[space]
        row = stack.pop()
        if not stack:
            self._present ^= 1 << space
        self._open -= 1
        return row

    @staticmethod
    def _lowest(bits: int) -> int:
        return (bits & -bits).bit_length() - 1
