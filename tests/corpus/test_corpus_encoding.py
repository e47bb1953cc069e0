"""The encoding and line-ending rules."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
from mlm_pretrain.corpus.decoding import clean_blocks
from mlm_pretrain.errors import InputError

REPLACE = ReadOptions(errors="replace")


def file_of(folder: Path, content: bytes, name: str = "a.txt") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.fault("encoding")
@pytest.mark.parametrize(
    ("content", "replaced", "text"),
    [
        (b"fine\nb\xffd\n", 1, "b�d"),
        (b"fine\ncut \xe6\x9d", 2, "cut ��"),
        (b"fine\nlatin \xe9t\xe9\n", 2, "latin �t�"),
        (b"fine\nsurrogate \xed\xa0\x80\n", 3, "surrogate ���"),
        (b"fine\nnul \x00\n", 1, "nul �"),
    ],
)
def test_invalid_text(tmp_path: Path, content: bytes, replaced: int, text: str) -> None:
    spec = file_of(tmp_path, content)
    with pytest.raises(InputError, match=r"a\.txt:2: .*(UTF-8|NUL)"):
        list(read_corpus([spec]))
    audit = Audit()
    assert [d.text for d in read_corpus([spec], REPLACE, audit)] == ["fine", text]
    assert audit.counts["replaced_bytes"] == replaced
    assert audit.examples["replaced_bytes"] == [f"{spec}:2"]


@pytest.mark.fault("encoding")
@pytest.mark.parametrize("escape", ["\\u0000", "\\ud83d"])
def test_unusable_json_escapes(tmp_path: Path, escape: str) -> None:
    spec = file_of(tmp_path, f'{{"text": "x{escape}y"}}\n'.encode(), "a.jsonl")
    with pytest.raises(InputError, match=r"a\.jsonl:1: holds"):
        list(read_corpus([spec]))
    assert [d.text for d in read_corpus([spec], REPLACE)] == ["x�y"]


def test_escaped_surrogate_pairs_are_text(tmp_path: Path) -> None:
    spec = file_of(tmp_path, json.dumps({"text": "😀"}).encode(), "a.jsonl")
    assert [d.text for d in read_corpus([spec])] == ["😀"]


@pytest.mark.fault("encoding")
def test_parquet_cells_obey_the_same_rule(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([b"ok", b"b\xffd"], pa.binary())}), path)
    with pytest.raises(InputError, match=r"a\.parquet:2: invalid UTF-8"):
        list(read_corpus([str(path)]))
    assert [d.text for d in read_corpus([str(path)], REPLACE)] == ["ok", "b�d"]


@pytest.mark.fault("encoding")
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("options", [ReadOptions(), REPLACE], ids=["strict", "replace"])
def test_other_unicode_encodings_are_named(
    tmp_path: Path, codec: str, options: ReadOptions
) -> None:
    spec = file_of(tmp_path, ("\ufeff" * (codec[-1] == "e") + "some text\n").encode(codec))
    with pytest.raises(InputError, match=r"a\.txt: is UTF-(16|32).*\n.*iconv -f UTF"):
        list(read_corpus([spec], options))


@pytest.mark.fault("encoding")
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_byte_order_mark_is_stripped_at_the_start_only(tmp_path: Path, name: str) -> None:
    rows = {"a.txt": "x\ufeffy", "a.jsonl": '{"text": "x\ufeffy"}', "a.csv": "text\nx\ufeffy\n"}
    spec = file_of(tmp_path, ("\ufeff" + rows[name]).encode(), name)
    assert [d.text for d in read_corpus([spec])] == ["x\ufeffy"]


@pytest.mark.fault("line-endings")
def test_mixed_line_endings_and_their_numbers(tmp_path: Path) -> None:
    spec = file_of(tmp_path, "a\r\nb\rc\n\r\nd\x0ce\u2028f\r".encode())
    documents = list(read_corpus([spec]))
    assert [d.text for d in documents] == ["a", "b", "c", "d\x0ce\u2028f"]
    assert [d.id.rpartition(":")[2] for d in documents] == ["1", "2", "3", "5"]


@given(
    st.text(st.sampled_from("ab\r\n\ufeff€"), max_size=20),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_line_endings_do_not_depend_on_blocks(text: str, edges: list[int]) -> None:
    data = text.encode()
    bounds = [0, *sorted(edges), len(data)]
    blocks = [data[a:b] for a, b in pairwise(bounds)]
    cleaned = b"".join(clean_blocks(iter(blocks), Path("a"), Audit())).decode()
    expected = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert cleaned == expected
