"""Broken files, bad rows and missing things: a message that names them, or a count."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from corpus_writers import COMPRESSORS, ENCODERS, write

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
from mlm_pretrain.errors import InputError

LONG = [f"{i} " + random.Random(i).randbytes(2000).hex() for i in range(1000)]


def read(spec: object, audit: Audit | None = None, **options: object) -> list[str]:
    settings = ReadOptions.model_validate(options)
    return [d.text for d in read_corpus([str(spec)], settings, audit)]


@pytest.mark.fault("corrupt-archive")
@pytest.mark.parametrize(
    "kind", [(".txt", ".gz"), (".jsonl", ".zst"), (".parquet", "")], ids="".join
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_truncated_archive(tmp_path: Path, kind: tuple[str, str], share: float) -> None:
    path = write(tmp_path, kind, LONG)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(3, int(share * len(whole)) - 3)])
    with pytest.raises(InputError, match=rf"{path.name}: damaged or incomplete"):
        read(path)
    (tmp_path / "z.txt").write_text("sound\n")
    audit = Audit()
    texts = read(tmp_path, audit, skip_corrupt=True)
    assert texts[-1] == "sound"
    assert texts[:-1] == LONG[: len(texts) - 1]
    assert audit.counts["corrupt_files"] == 1
    if share == 0.9 and kind[1]:
        assert len(texts) > 500  # what came before the damage is kept


@pytest.mark.fault("corrupt-archive")
@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.zst", ".parquet"])
def test_not_an_archive_and_trailing_garbage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"this is plain text\n" * 10)
    with pytest.raises(InputError, match="damaged or incomplete"):
        read(path)
    if suffix != ".parquet":
        path.write_bytes(COMPRESSORS[Path(suffix).suffix](b"fine\n") + b"garbage")
        with pytest.raises(InputError, match="damaged or incomplete"):
            read(path)


@pytest.mark.fault("corrupt-archive")
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_flipped_bit_in_an_archive(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, (".txt", suffix), LONG)
    if suffix == ".zst":
        checked = zstandard.ZstdCompressor(write_checksum=True)
        path.write_bytes(checked.compress(ENCODERS[".txt"](LONG)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged or incomplete"):
        read(path)


@pytest.mark.fault("corrupt-archive")
def test_what_comes_before_damage_in_parquet_is_kept(tmp_path: Path) -> None:
    path, texts = tmp_path / "a.parquet", [text * 300 for text in LONG[:9]]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=3, use_dictionary=False)
    data = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(2).column(0).data_page_offset
    data[place : place + 16] = b"\xff" * 16
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged or incomplete"):
        read(path)
    audit = Audit()
    assert read(path, audit, skip_corrupt=True, max_document_bytes=1 << 23) == texts[:6]
    assert audit.counts["corrupt_files"] == 1


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_bombs_are_refused_with_the_limit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(COMPRESSORS[suffix](b"word " * (14 << 20)))
    with pytest.raises(
        InputError, match=r"more than 200 times[\s\S]*max_expansion in the `read:` sec"
    ):
        read(path)
    assert sum(map(len, read(path, max_expansion=1_000_000, max_document_bytes=1 << 23))) > 69e6


ROWS = {
    "not JSON": b'{"text": "a"}\n{"text": \n{"text": "b"}\n',
    "not an object": b'{"text": "a"}\n["x"]\n{"text": "b"}\n',
    "no field 'text'": b'{"text": "a"}\n{"body": "x"}\n{"text": "b"}\n',
    "is int, not text": b'{"text": "a"}\n{"text": 3}\n{"text": "b"}\n',
    "not JSON .maximum recursion": b'{"text": "a"}\n' + b"[" * 200_000 + b'\n{"text": "b"}\n',
    "longer than max_row_bytes = 1048576 .set in the `read:` section": b'{"text": "a"}\n"'
    + b"x " * 600_000
    + b'"\n{"text": "b"}\n',
}


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize("problem", ROWS)
def test_bad_json_row(tmp_path: Path, problem: str) -> None:
    path, audit = tmp_path / "a.jsonl", Audit()
    path.write_bytes(ROWS[problem])
    with pytest.raises(InputError, match=rf"a\.jsonl:2: .*{problem}"):
        read(path, max_row_bytes=1 << 20)
    assert read(path, audit, max_bad_rows=1, max_row_bytes=1 << 20) == ["a", "b"]
    assert audit.counts["bad_rows"] == 1
    assert audit.examples["bad_rows"] == [f"{path}:2"]


@pytest.mark.fault("bad-row")
def test_bad_rows_are_capped_over_all_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text('{"text": "x"}\nbad\n')
    assert read(tmp_path, max_bad_rows=2) == ["x", "x"]
    with pytest.raises(InputError, match=r"b\.jsonl:2"):
        read(tmp_path, max_bad_rows=1)


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,body\n1,x\n", r"a\.csv: no column 'text' \(columns: id, body\)"),
        ("id,text\n1,x\n2,y,z\n", r"a\.csv:3: 3 fields, but the header has 2"),
        ('id,text\n1,"multi\nline"\n2,"x"y\n', r"a\.csv:4: bad quoting"),
        ('id,text\n1,x\n2,"never closed\nmore\n', r"a\.csv:3: a quote that opens here is never"),
        (
            'id,text\n1,x\n2,"' + "long\n" * 1000,
            r"a\.csv:3: the record is longer than max_row[\s\S]*`read:` section",
        ),
        ('id,text\n1,"' + "long " * 1000, r"a\.csv:2: the record is longer than max_row"),
    ],
)
def test_bad_csv(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read(path, max_row_bytes=1000)


def test_bad_csv_rows_can_be_counted(tmp_path: Path) -> None:
    path, audit = tmp_path / "a.csv", Audit()
    path.write_text('id,text\n1,x\n2\n\n3,"a"b\n4,"y\nz"\n')
    assert read(path, audit, max_bad_rows=2) == ["x", "y\nz"]
    assert audit.counts["bad_rows"] == 2
    assert audit.counts["blank_rows"] == 1


@pytest.mark.fault("empty-corpus")
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.txt.gz", "a.txt.zst"])
@pytest.mark.parametrize("content", [b"", b"\n \n\n"])
def test_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(COMPRESSORS.get(Path(name).suffix, bytes)(content))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "b.txt").write_text("text\n")
    specs = [str(tmp_path / "full"), str(tmp_path / name)]
    with pytest.raises(InputError, match=rf"0 documents in .*{name}|no column|record"):
        list(read_corpus(specs))


@pytest.mark.fault("empty-corpus")
def test_empty_documents_are_counted(tmp_path: Path) -> None:
    path, audit = tmp_path / "a.txt", Audit()
    path.write_text("one\n\n   \ntwo\n")
    assert read(path, audit) == ["one", "two"]
    assert audit.counts["empty"] == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere.txt", "no such file"),
        ("*.jsonl", "no file matches"),
        ("a.pdf", "unknown extension"),
        ("a.parquet.gz", "unknown extension"),
        ("folder", r"no file that can be read \(found 1 of other kinds, such as b.bin\)"),
        ("pipe.txt", "not a regular file"),
    ],
)
def test_specs_that_name_nothing_fail_at_once(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.bin").write_bytes(b"\0")
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InputError, match=message):
        read_corpus([str(tmp_path / spec)])


def test_no_spec_at_all() -> None:
    with pytest.raises(InputError, match="no corpus given"):
        read_corpus([])


@pytest.mark.parametrize("name", ["nowhere/at-all", "", "x@", "x:"])
def test_unreachable_hub_dataset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match=f"hf:{name}: (cannot be read|not a dataset name)"):
        read(f"hf:{name}")


def test_folders_are_walked_in_order_and_skips_are_counted(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.TXT", "a.md", ".hidden.txt", ".git/x.txt", "notes.doc"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name + "\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "gone")
    audit = Audit()
    specs = [str(tmp_path), str(tmp_path / "b" / "*.txt")]
    assert [d.text for d in read_corpus(specs, audit=audit)] == ["a.md", "b/1.TXT", "b/2.txt"]
    expected = {"skipped_hidden": 2, "skipped_links": 2, "skipped_files": 1, "skipped_repeated": 1}
    assert {name: audit.counts[name] for name in expected} == expected
