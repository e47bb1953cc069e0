"""Every format and compression gives the same documents."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from corpus_writers import KINDS, write

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus

TEXTS = [
    "A first line.",
    'Quotes "inside", and commas',
    "Straße, 東京, 😀",
    "tab\there",
    "x" * 5000,
]
MULTILINE = ["one\r\ntwo\rthree\nfour", " leading and trailing "]


def texts_of(path: Path, **options: object) -> list[str]:
    return [d.text for d in read_corpus([str(path)], ReadOptions.model_validate(options))]


@pytest.mark.parametrize("kind", KINDS, ids="".join)
def test_same_documents_in_every_format(tmp_path: Path, kind: tuple[str, str]) -> None:
    path = write(tmp_path, kind, TEXTS)
    audit = Audit()
    documents = list(read_corpus([str(path)], audit=audit))
    assert [d.text for d in documents] == TEXTS
    assert audit.counts["documents"] == len(TEXTS)
    assert audit.counts["bytes"] == sum(len(t.encode()) for t in TEXTS)
    first = 2 if kind[0] in (".csv", ".tsv") else 1  # after the header
    assert documents[0].id == f"{path}:{first}"
    assert len({d.id for d in documents}) == len(documents)


@pytest.mark.fault("line-endings")
@pytest.mark.parametrize("kind", [k for k in KINDS if k[0] not in (".txt", ".md")], ids="".join)
def test_line_endings_within_text_become_one(tmp_path: Path, kind: tuple[str, str]) -> None:
    path = write(tmp_path, kind, MULTILINE)
    assert texts_of(path) == ["one\ntwo\nthree\nfour", " leading and trailing "]


@pytest.mark.parametrize("kind", KINDS, ids="".join)
def test_long_documents_are_cut_alike_in_every_format(
    tmp_path: Path, kind: tuple[str, str]
) -> None:
    words = " ".join(f"wörd{i}" for i in range(200))
    path, audit = write(tmp_path, kind, [words, "short"]), Audit()
    documents = list(read_corpus([str(path)], ReadOptions(max_document_bytes=100), audit))
    pieces = [d.text for d in documents]
    assert " ".join(pieces) == f"{words} short"
    assert all(len(piece.encode()) <= 100 for piece in pieces)
    assert audit.counts["cut_documents"] == 1
    assert documents[1].id == f"{documents[0].id}#2"


def test_archives_of_several_members(tmp_path: Path) -> None:
    parts = [b"one\ntw", b"o\nthree"]
    (tmp_path / "a.txt.gz").write_bytes(b"".join(gzip.compress(part) for part in parts))
    compress = zstandard.ZstdCompressor().compress
    (tmp_path / "b.txt.zst").write_bytes(b"".join(compress(part) for part in parts))
    assert texts_of(tmp_path) == ["one", "two", "three"] * 2


def test_text_units(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("\n# Title\nline\n\n \nsecond\nblock\n\n", encoding="utf-8")
    assert texts_of(path, text_unit="line") == ["# Title", "line", "second", "block"]
    assert texts_of(path, text_unit="paragraph") == ["# Title\nline", "second\nblock"]
    assert texts_of(path, text_unit="file") == ["\n# Title\nline\n\n \nsecond\nblock\n"]
    ids = [d.id for d in read_corpus([str(path)], ReadOptions(text_unit="paragraph"))]
    assert ids == [f"{path}:2", f"{path}:6"]


@pytest.mark.parametrize("unit", ["paragraph", "file"])
def test_a_unit_larger_than_the_limit_is_cut(tmp_path: Path, unit: str) -> None:
    lines = [f"line number {i} of many" for i in range(100)]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pieces = texts_of(path, text_unit=unit, max_document_bytes=128)
    assert all(len(piece) <= 128 for piece in pieces)
    assert " ".join(pieces).split() == " ".join(lines).split()


def test_other_field_and_local_dataset_folder(tmp_path: Path) -> None:
    rows = '{"body": "one", "text": 1}\n{"body": "two", "text": 2}\n'
    (tmp_path / "train.jsonl").write_text(rows, encoding="utf-8")
    assert texts_of(tmp_path, text_field="body") == ["one", "two"]
    spec = f"hf:{tmp_path}@train"
    documents = list(read_corpus([spec], ReadOptions(text_field="body")))
    assert [(d.text, d.id) for d in documents] == [("one", f"{spec}:1"), ("two", f"{spec}:2")]
