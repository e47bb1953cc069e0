"""Pieces of the usual way, written from the libraries' public classes as their own example does it."""

from __future__ import annotations


def group_texts(rows: dict[str, list[list[int]]], length: int) -> dict[str, list[list[int]]]:
    """Join everything in the batch and cut it every `length` tokens; the rest is dropped."""
    joined = {name: [token for row in column for token in row] for name, column in rows.items()}
    total = len(next(iter(joined.values()))) // length * length
    starts = range(0, total, length)
    return {
        name: [column[start : start + length] for start in starts]
        for name, column in joined.items()
    }
