"""Documents and lines of any length, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm_pretrain.corpus import Audit
from mlm_pretrain.corpus.cutting import cut, fits

ALPHABET = st.sampled_from("ab é東😀\n\t")
MAX_GROWTH_MIB = 100
# Prints how far the peak memory grew while a file was read, in KiB, and what was counted.
MEASURE = """
import resource, sys, json
from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
options = ReadOptions(max_expansion=1_000_000, max_bad_rows=1, text_unit=sys.argv[2],
                      max_row_bytes=8 << 20)
before, audit, longest = peak(), Audit(), 0
for document in read_corpus([sys.argv[1]], options, audit):
    longest = max(longest, len(document.text.encode()))
print(json.dumps([(peak() - before) // 1024, longest, audit.counts]))
"""


@given(st.text(ALPHABET, max_size=120), st.integers(4, 40), st.lists(st.integers(0, 120)))
def test_pieces(text: str, limit: int, edges: list[int]) -> None:
    bounds = [0, *sorted(min(edge, len(text)) for edge in edges), len(text)]
    fragments = [text[a:b] for a, b in pairwise(bounds)]
    audit = Audit()
    pieces = list(cut(fragments, "x", limit, audit))
    assert pieces == list(cut([text], "x", limit, Audit()))
    assert all(0 < len(p.text.encode()) <= limit for p in pieces) or text == ""
    # Nothing is lost but one whitespace character at a cut.
    rest = text
    for piece in pieces:
        if not rest.startswith(piece.text):
            assert rest[0] in " \n\t"
            rest = rest[1:]
        assert rest.startswith(piece.text)
        rest = rest[len(piece.text) :]
    assert rest in ("", " ", "\n", "\t")
    assert len({p.id for p in pieces}) == len(pieces)
    assert audit.counts["cut_documents"] == (len(text.encode()) > limit)
    assert fits(text, limit) == (len(text.encode()) <= limit)


def test_cut_falls_on_whitespace_and_never_within_a_character() -> None:
    pieces = [p.text for p in cut(["aaaa bbbb cccccccccccccc 東東東東"], "x", 10, Audit())]
    assert pieces == ["aaaa bbbb", "cccccccccc", "cccc 東", "東東東"]


@pytest.mark.fault("giant-line")
@pytest.mark.parametrize(
    ("name", "unit", "start", "filling"),
    [
        ("line.txt.gz", "line", b"", b"word " * 200_000),
        ("word.txt.zst", "line", b"", b"x" * 1_000_000),
        ("file.txt.gz", "file", b"", (b"some words " * 25 + b"\n") * 3_600),
        ("paragraph.md", "paragraph", b"", (b"some words " * 25 + b"\n") * 3_600),
        ("row.jsonl.gz", "line", b'{"text": "', b"word " * 200_000),
    ],
)
def test_a_giant_unit_is_read_in_bounded_memory(
    tmp_path: Path, name: str, unit: str, start: bytes, filling: bytes
) -> None:
    path = tmp_path / name
    _write_repeated(path, start, filling, 250)
    run = [sys.executable, "-c", MEASURE, str(path), unit]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    growth_mib, longest, counts = json.loads(done.stdout)
    assert growth_mib < MAX_GROWTH_MIB
    assert longest <= 1 << 20
    if name == "row.jsonl.gz":
        assert counts["bad_rows"] == 1
        assert counts["documents"] == 1
    else:
        assert counts["cut_documents"] == 1
        assert counts["bytes"] > 240e6


def _write_repeated(path: Path, start: bytes, filling: bytes, times: int) -> None:
    """A file that is mostly one filling, without holding it in memory."""
    import gzip

    import zstandard

    plain = path.suffix == ".md"
    compress = zstandard.compress if path.suffix == ".zst" else gzip.compress
    once = filling if plain else compress(filling)
    with path.open("wb") as file:
        if start:
            file.write(compress(start))
        for _ in range(times):
            file.write(once)
        if start:
            file.write(compress(b'"}\n{"text": "next"}\n'))
