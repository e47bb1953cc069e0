"""Archives that are not opened, bombs of parquet, and links that lead out of what was named."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_writers import COMPRESSORS

from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
from mlm_pretrain.errors import InputError


def texts(spec: object, audit: Audit | None = None) -> list[str]:
    return [document.text for document in read_corpus([str(spec)], audit=audit)]


def write_archive(path: Path) -> Path:
    """One that would write outside of its folder, and read what lies there."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../out.txt", "text\n")
        return path
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, kind in (("../../out.txt", tarfile.REGTYPE), ("link.txt", tarfile.SYMTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    return path


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a.tar", "tar -xf a.tar"),
        ("a.tar.gz", "tar -xf a.tar.gz"),
        ("a.tgz", "tar -xf a.tgz"),
        ("a b.zip", "unzip 'a b.zip'"),
        ("a.txt.bz2", "bunzip2 a.txt.bz2"),
    ],
)
def test_other_archives_are_not_opened(tmp_path: Path, name: str, command: str) -> None:
    path = write_archive(tmp_path / name)
    for spec in (path, tmp_path):
        with pytest.raises(InputError, match=rf"{name}.*\n.*unpack it first \({command}\)"):
            texts(spec)
    (tmp_path / "b.txt").write_text("text\n")
    audit = Audit()
    assert texts(tmp_path, audit) == ["text"]
    assert audit.examples["skipped_files"] == [str(path)]


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize("name", ["tar.txt", "tar.jsonl.gz", "zip.txt.gz"])
def test_an_archive_under_another_name_is_not_opened(tmp_path: Path, name: str) -> None:
    kind = {"tar.txt": "a.tar", "tar.jsonl.gz": "a.tar.gz", "zip.txt.gz": "a.zip"}[name]
    write_archive(tmp_path / kind).rename(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}(:1: holds a NUL|: damaged or incomplete)"):
        texts(tmp_path / name)


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize("repeated_by", ["number", "compression"])
def test_parquet_bombs_are_refused_with_the_limit(tmp_path: Path, repeated_by: str) -> None:
    cell = "word " * 200_000
    if repeated_by == "number":  # the cell is written once, and each row says where
        rows = pa.array([0] * 100_000, pa.int32())
        column = pa.DictionaryArray.from_arrays(rows, pa.array([cell]))
    else:
        column = pa.array([cell] * 80)
    path, table = tmp_path / "a.parquet", pa.table({"text": column})
    settings = {"store_schema": False, "compression": "zstd", "write_statistics": False}
    pq.write_table(table, path, use_dictionary=repeated_by == "number", **settings)
    with pytest.raises(InputError, match=r"a.parquet: expands to more than 200 times its size"):
        texts(path)
    generous = ReadOptions(max_expansion=1_000_000, limit_documents=70)
    assert sum(1 for _ in read_corpus([str(path)], generous)) == 70


@pytest.mark.fault("archive-bombs")
def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.txt").write_text("inside\n")
    (tmp_path / "secret.txt").write_text("outside\n")
    targets = {"out.txt": "../secret.txt", "out": "..", "loop": ".", "self.txt": "self.txt",
               "b.txt": "in/a.txt", "gone.txt": "nowhere"}  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    audit = Audit()
    assert texts(folder, audit) == ["inside"]
    assert audit.counts["skipped_links"] == 5
    assert audit.counts["skipped_repeated"] == 1  # b.txt
    assert texts(folder / "out.txt") == texts(folder / "o*.txt") == ["outside"]  # asked for
    (folder / "loop2").symlink_to(".")  # two loops are 2 ** 40 paths
    assert texts(folder / "**" / "a.txt") == ["inside"]
    assert texts(folder / "*") == ["inside", "outside"]
    for path in (folder / "b.txt", folder / "in" / "a.txt"):
        path.unlink()
    with pytest.raises(InputError, match=r"\(found none, 6 links\)\n.*by a pattern: FOLDER"):
        texts(folder)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "an empty name"),
        ("~nobody-of-this-name/a.txt", "cannot be read"),
        ("a" * 5_000 + ".txt", "aaa: cannot be read .File name too long"),
        ("a\0b.txt", "(cannot be read|no such file)"),
    ],
)
def test_names_that_no_file_can_have(spec: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read_corpus([spec])
    assert len(str(caught.value)) < 1000


def test_names_that_are_no_text_can_be_read(tmp_path: Path) -> None:
    column = pa.array(["text"], pa.string_view())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(tmp_path / "\udcff.parquet")
    assert texts(tmp_path) == ["text"]


@pytest.mark.fault("encoding")
@pytest.mark.parametrize("name", ["a b.txt", "a.txt.gz", "a.txt.zst"])
def test_the_command_that_converts_a_file_does(tmp_path: Path, name: str) -> None:
    compression = Path(name).suffix if Path(name).suffix != ".txt" else ""
    (tmp_path / name).write_bytes(COMPRESSORS[compression]("naïve\n".encode("utf-16")))
    with pytest.raises(InputError, match="is UTF-16") as caught:
        texts(tmp_path)
    command = caught.value.way_out.partition(": ")[2]
    if any(shutil.which(word) is None for word in (command.split()[0], "iconv")):
        pytest.skip(f"needs what it names: {command}")
    (tmp_path / "converted").mkdir()
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    (tmp_path / name).unlink()
    assert texts(tmp_path) == ["naïve"]
