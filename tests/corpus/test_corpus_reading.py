"""Limits, duplicates, the held-out split and the fingerprint."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlm_pretrain.corpus import (
    Audit,
    Document,
    ReadOptions,
    fingerprint_corpus,
    is_validation,
    read_corpus,
)
from mlm_pretrain.corpus.filters.empty import Empty
from mlm_pretrain.corpus.filters.exact_duplicate import ExactDuplicate
from mlm_pretrain.errors import InputError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("aaaa\nbb\naaaa\n")
    (tmp_path / "b.txt").write_text("aaaa\ncc\n")
    return tmp_path


def test_limits_stop_early_and_say_so(corpus: Path) -> None:
    (corpus / "c.txt").write_bytes(b"\xff\xff never reached")
    for options in (ReadOptions(limit_documents=2), ReadOptions(limit_bytes=5)):
        audit = Audit()
        assert [d.text for d in read_corpus([str(corpus)], options, audit)] == ["aaaa", "bb"]
        assert audit.as_dict()["stopped_at_limit"] == 1
        assert audit.counts["bytes"] == 6


def test_duplicates_are_dropped_across_files_on_request(corpus: Path) -> None:
    audit = Audit()
    documents = read_corpus([str(corpus)], ReadOptions(drop_duplicates=True), audit)
    assert [d.text for d in documents] == ["aaaa", "bb", "cc"]
    assert audit.counts["exact_duplicate"] == 2
    assert audit.examples["exact_duplicate"] == [f"{corpus}/a.txt:3", f"{corpus}/b.txt:1"]
    assert len(list(read_corpus([str(corpus)]))) == 5


def test_filters_give_their_reason() -> None:
    on, off = ReadOptions(drop_duplicates=True), ReadOptions()
    assert Empty(on)(Document(" \n", "x")) == (False, "empty")
    assert Empty(on)(Document(" x", "x"))[0]
    rule = ExactDuplicate(on)
    assert [rule(Document("x", str(i)))[0] for i in range(2)] == [True, False]
    rule = ExactDuplicate(off)
    assert [rule(Document("x", str(i)))[0] for i in range(2)] == [True, True]


def test_split_is_by_text_and_nested() -> None:
    documents = [Document(f"text {i}", str(i)) for i in range(4000)]
    held = [is_validation(d, 0.1) for d in documents]
    assert 300 < sum(held) < 500
    assert held == [is_validation(Document(d.text, "elsewhere"), 0.1) for d in documents]
    assert held != [is_validation(d, 0.1, seed=1) for d in documents]
    assert all(is_validation(d, 0.2) for d, h in zip(documents, held, strict=True) if h)
    assert not any(is_validation(d, 0.0) for d in documents)
    with pytest.raises(InputError, match="not in"):
        is_validation(documents[0], 1.5)


def test_fingerprint_follows_content_and_options(corpus: Path, tmp_path: Path) -> None:
    first = fingerprint_corpus([str(corpus)])
    assert first["path"] == [str(corpus)]
    assert (first["bytes"], first["files"]) == (21, 2)
    os.utime(corpus / "a.txt", (0, 0))
    assert fingerprint_corpus([str(corpus)]) == first
    other = ReadOptions(text_unit="file")
    assert fingerprint_corpus([str(corpus)], other)["xxh3_128"] != first["xxh3_128"]
    (corpus / "a.txt").write_text("aaaa\nbb\naaab\n")
    assert fingerprint_corpus([str(corpus)])["xxh3_128"] != first["xxh3_128"]
    with pytest.raises(InputError, match="no such file"):
        fingerprint_corpus([str(tmp_path / "none")])


@pytest.mark.skipif("MLM_PRETRAIN_TEST_DATA" not in os.environ, reason="no real data named")
def test_real_corpora_are_read_whole() -> None:
    audit = Audit()
    folder = Path(os.environ["MLM_PRETRAIN_TEST_DATA"], "wiki_en_2015", "corpus")
    for _ in read_corpus([str(folder / "train.jsonl.gz")], audit=audit):
        pass
    assert audit.counts["documents"] == 2400
    assert audit.counts["bytes"] > 40e6
