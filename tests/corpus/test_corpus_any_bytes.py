"""Whatever bytes a file holds, reading it gives documents or an InputError, nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from corpus_writers import COMPRESSORS, ENCODERS, KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
from mlm_pretrain.errors import InputError

TEXT = st.text(st.sampled_from('ab"\\,\t\r\n\x00é😀{}[]:\ufeff'), max_size=12)
RAW = st.one_of(
    st.binary(max_size=60),
    TEXT.map(str.encode),
    st.lists(TEXT, max_size=4).map(
        lambda rows: "\n".join(f'{{"text": "{r}"}}' for r in rows).encode()
    ),
)
OPTIONS = st.builds(
    ReadOptions,
    text_unit=st.sampled_from(["line", "paragraph", "file"]),
    errors=st.sampled_from(["strict", "replace"]),
    max_bad_rows=st.integers(0, 3),
    skip_corrupt=st.booleans(),
    max_document_bytes=st.just(64),
    max_row_bytes=st.sampled_from([64, 1 << 20]),
    drop_duplicates=st.booleans(),
)


def check(kind: tuple[str, str], content: bytes, options: ReadOptions) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{kind[0]}{kind[1]}")
        path.write_bytes(content)
        audit = Audit()
        try:
            documents = list(read_corpus([str(path)], options, audit))
        except InputError as error:
            assert path.name in str(error)
            return
    assert documents
    assert audit.counts["documents"] == len(documents)
    for document in documents:
        assert 0 < len(document.text.encode("utf-8")) <= options.max_document_bytes
        assert not set("\0\r") & set(document.text)
        assert document.text.strip()


@pytest.mark.parametrize("kind", KINDS, ids="".join)
@settings(max_examples=60, deadline=None)
@given(content=RAW, options=OPTIONS)
def test_arbitrary_content(kind: tuple[str, str], content: bytes, options: ReadOptions) -> None:
    check(kind, COMPRESSORS[kind[1]](content), options)


@pytest.mark.parametrize("kind", [k for k in KINDS if k[1] or k[0] == ".parquet"], ids="".join)
@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXT.map(lambda t: t.replace("\0", "")), min_size=1, max_size=3),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 2000),
    options=OPTIONS,
)
def test_damaged_files(
    kind: tuple[str, str],
    texts: list[str],
    damage: list[tuple[int, int]],
    length: int,
    options: ReadOptions,
) -> None:
    content = bytearray(COMPRESSORS[kind[1]](ENCODERS[kind[0]](texts)))
    for place, value in damage:
        content[place % len(content)] = value
    check(kind, bytes(content[:length]), options)
