"""Cutting, wrapping and packing, without files."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlm_pretrain.packing.boundaries import Boundaries
from mlm_pretrain.packing.cutting import cut, full_lengths, varied_lengths, wrap
from mlm_pretrain.packing.rows import RowPacker

keys = st.integers(0, 2**64 - 1)


@given(count=st.integers(0, 3000), key=keys)
def test_cuts_lose_nothing_and_stay_in_bounds(count: int, key: int) -> None:
    for lengths in (varied_lengths(16, 128, 2), full_lengths(128, 2)):
        drawn = cut(count, key, lengths)
        assert sum(drawn) == count
        assert all(1 <= length <= 126 for length in drawn)
        assert drawn == cut(count, key, lengths)
        if count >= lengths.smallest:
            assert min(drawn) >= lengths.smallest


def test_varied_lengths_are_log_uniform() -> None:
    drawn = np.array(cut(3_000_000, 1, varied_lengths(16, 512, 2))) + 2
    assert drawn.min() >= 16
    assert drawn.max() == 512
    # Log-uniform: as many from 16 to 32 as from 256 to 512, a fifth each.
    shares = np.histogram(drawn, bins=[16, 32, 64, 128, 256, 513])[0] / len(drawn)
    assert np.all(np.abs(shares - 0.2) < 0.01)


def test_full_windows_share_a_short_tail() -> None:
    lengths = full_lengths(128, 2)
    assert cut(252, 0, lengths) == [126, 126]
    assert cut(260, 0, lengths) == [126, 126, 8]
    assert cut(255, 0, lengths) == [126, 65, 64]


def test_wrap_puts_start_and_end_around_each_segment() -> None:
    inner = np.array([7, 8, 9], dtype=np.uint16)
    ids, lengths = wrap(inner, [2, 1], Boundaries(1, 2))
    assert ids.tolist() == [1, 7, 8, 2, 1, 9, 2]
    assert lengths.tolist() == [4, 3]
    ids, lengths = wrap(inner, [2, 1], Boundaries(None, 2))
    assert ids.tolist() == [7, 8, 2, 9, 2]
    assert lengths.tolist() == [3, 2]


@given(lengths=st.lists(st.integers(3, 64), max_size=200), open_rows=st.integers(1, 8))
def test_rows_hold_every_segment_once(lengths: list[int], open_rows: int) -> None:
    packer = RowPacker(64, 3, 10, open_rows)
    facts = [(length, i % 2 == 0, i // 3) for i, length in enumerate(lengths)]
    closed = [packer.add(bytes([i]), *fact) for i, fact in enumerate(facts)]
    rows = [row for row in closed if row is not None] + list(packer.flush())
    assert all(sum(row.lengths) == 64 - row.space <= 64 for row in rows)
    placed = [
        (ids[0], *fact)
        for row in rows
        for ids, *fact in zip(row.ids, row.lengths, row.finals, row.keys, strict=True)
    ]
    assert sorted(placed) == [(i, *fact) for i, fact in enumerate(facts)]
