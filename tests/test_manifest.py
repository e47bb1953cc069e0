"""The contract between stages, and folders that must not be written to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm_pretrain.claiming import claim_output
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import Manifest, read_manifest, verify, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished stage of two files."""
    out = tmp_path / "out"
    fill(out)
    return out


def fill(out: Path) -> Manifest:
    (out / "part").mkdir(parents=True)
    (out / "a.bin").write_bytes(b"\x00" * 1_000)
    (out / "part" / "b.txt").write_text("text", encoding="utf-8")
    inputs = {"corpus": {"path": str(out), "xxh3_128": "0"}}
    return write_manifest(out, "prepare", {"seed": 1}, inputs, {"rows": 2})


def test_a_manifest_says_what_lies_there(folder: Path) -> None:
    manifest = read_manifest(folder, "prepare")
    assert sorted(manifest.files) == ["a.bin", "part/b.txt"]
    assert manifest.files["part/b.txt"]["bytes"] == 4
    assert (manifest.config, manifest.counts) == ({"seed": 1}, {"rows": 2})
    assert {"python", "torch", "transformers", "mlm_pretrain"} <= set(manifest.versions)
    assert not list(folder.glob("*.partial"))
    verify(folder, manifest)


def damage(folder: Path, name: str, how: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[:-1])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["a.bin", "part/b.txt"])
@pytest.mark.parametrize(
    ("how", "message"),
    [("missing", "missing"), ("truncated", "bytes, expected"), ("flipped", "checksum")],
)
def test_damage_is_found_and_named(folder: Path, name: str, how: str, message: str) -> None:
    damage(folder, name, how)
    with pytest.raises(InputError, match=f"{folder / name}: .*{message}"):
        verify(folder, read_manifest(folder, "prepare"))


def test_without_checksums_sizes_are_still_checked(folder: Path) -> None:
    damage(folder, "a.bin", "flipped")
    verify(folder, read_manifest(folder, "prepare"), checksums=False)
    damage(folder, "a.bin", "truncated")
    with pytest.raises(InputError, match="999 bytes, expected 1000"):
        verify(folder, read_manifest(folder, "prepare"), checksums=False)


def test_names_that_are_no_text_are_spelt_out(folder: Path) -> None:
    """As Python holds a name on the disk that is not UTF-8."""
    inputs = {"corpus": {"path": "caf\udce9/x.txt"}}
    written = write_manifest(folder, "prepare", {}, inputs, {})
    read = read_manifest(folder, "prepare").inputs
    assert read == written.inputs == {"corpus": {"path": r"caf\udce9/x.txt"}}


def test_equal_content_has_an_equal_hash(folder: Path, tmp_path: Path) -> None:
    elsewhere = fill(tmp_path / "elsewhere").content_hash
    assert read_manifest(folder, "prepare").content_hash == elsewhere
    hashes = {elsewhere}
    (folder / "a.bin").write_bytes(b"\x01" * 1_000)
    hashes.add(write_manifest(folder, "prepare", {}, {}, {}).content_hash)
    (folder / "a.bin").rename(folder / "c.bin")
    manifest = write_manifest(folder, "prepare", {}, {}, {})
    hashes.add(manifest.content_hash)
    assert len(hashes) == 3
    assert sorted(manifest.files) == ["c.bin", "part/b.txt"]  # never itself


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"stage": "prepare"', "\x00"])
def test_a_damaged_manifest_is_named(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=f"{folder}/manifest.json: damaged manifest"):
        read_manifest(folder, "prepare")


def test_folders_of_another_kind_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="written by `prepare`, but `export` output is needed"):
        read_manifest(folder, "export")
    for other in (folder / "part", folder / "nothing", folder / "a.bin"):
        with pytest.raises(InputError, match=f"{other}: no manifest.json, so `prepare` did not"):
            read_manifest(other, "prepare")


def test_new_and_empty_folders_are_claimed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "deep" / "new"):
        assert claim_output(str(out)) == out
        assert list(out.iterdir()) == []


def test_a_used_folder_is_refused_unless_it_may_be_replaced(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError, match=f"{folder}: is not empty\n.*--overwrite"):
        claim_output(folder)
    assert sorted(folder.rglob("*")) == before
    claim_output(folder, overwrite=True)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "years of work"},
        {"manifest.json": '{"name": "a web application"}', "index.html": ""},
        {"config.json": "{}", "main.py": "a project of the user's"},
        {"metrics.json": "{}"},
    ],
)
def test_overwrite_leaves_what_others_wrote(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="files this package did not write"):
        claim_output(tmp_path, overwrite=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize(
    "files",
    [
        {"run.json": "{}", "checkpoint": ""},
        {"manifest.json": '{"stage": "prepare", "config": {', "more": ""},  # cut short
        {"config.json": "{}", "model.safetensors": "", "tokenizer.json": "{}"},  # a killed export
    ],
)
def test_overwrite_replaces_unfinished_work_of_ours(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    claim_output(tmp_path, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed_and_links_inside_are_not(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    (folder / "inside").symlink_to(kept)
    (tmp_path / "link").symlink_to(folder)
    claim_output(tmp_path / "link", overwrite=True)
    assert list(folder.iterdir()) == []
    assert (kept / "file").read_text() == "kept"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InputError, match=f"{path}: is a file"):
        claim_output(path)
    with pytest.raises(InputError, match=f"{path}/below: cannot be made"):
        claim_output(path / "below")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


UNPRIVILEGED = """
import json, os, sys
from mlm_pretrain.errors import InputError
from mlm_pretrain.claiming import claim_output
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
messages = []
for path, overwrite in json.loads(sys.argv[1]):
    try:
        messages.append(str(claim_output(path, overwrite)))
    except InputError as error:
        messages.append(error.problem)
print(json.dumps(messages))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.fault("read-only")
def test_read_only_folders_are_refused_before_any_work(open_folder: Path) -> None:
    empty, full, hidden = (open_folder / name for name in ("empty", "full", "hidden"))
    empty.mkdir()
    hidden.mkdir()
    fill(full)
    for path, mode in ((empty, 0o555), (full, 0o555), (hidden, 0o000)):
        path.chmod(mode)
    cases = [(empty, False), (empty / "new", False), (full, True), (hidden, False)]
    arguments = json.dumps([(str(path), overwrite) for path, overwrite in cases])
    result = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, arguments],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": _sources()},
    )  # fmt: skip
    assert json.loads(result.stdout) == [
        f"{empty}: is read-only",
        f"{empty / 'new'}: cannot be made (Permission denied)",
        f"{full}: is read-only",
        f"{hidden}: cannot be made (Permission denied)",
    ]
    full.chmod(0o755)
    verify(full, read_manifest(full, "prepare"))
    hidden.chmod(0o755)


def _sources() -> str:
    return os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
