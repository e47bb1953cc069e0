"""Folders that are written whole: killed at any moment, the next process may write them again."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import package_process
import pytest
from full_disk import full_disk

from mlm_pretrain.claiming import clear_unfinished, telling_of_a_full_disk, written_whole
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import UNFINISHED, read_manifest, verify, write_manifest

# A process writes OUT and is killed before the N-th change that it would make to a file or folder, for every
# N until there are no more; after each, another one writes the same. What it says is N.
KILLED_EVERYWHERE = """
import os, shutil, signal, sys
from pathlib import Path
from mlm_pretrain.claiming import clear_unfinished, telling_of_a_full_disk, written_whole
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest, verify, write_manifest

OUT, is_old = Path(sys.argv[1]), sys.argv[2] == "replaced"
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
left = -1

def count(event, args):
    global left
    if event in CHANGES or (event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR)):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def write(text):
    with written_whole(OUT, overwrite=True) as folder:
        (folder / "part").mkdir()
        for name in ("a.txt", "part/b.txt"):
            (folder / name).write_text(text)
        write_manifest(folder, "prepare", {}, {}, {"text": text})

def is_killed(moment):
    global left
    child = os.fork()
    if not child:
        left = moment
        write("new")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)

def check_whole(texts):
    manifest = read_manifest(OUT, "prepare")
    verify(OUT, manifest)
    assert manifest.counts["text"] in texts
    assert {(OUT / name).read_text() for name in manifest.files} == {manifest.counts["text"]}

sys.addaudithook(count)
moment = 0
while True:
    moment += 1
    shutil.rmtree(OUT.parent)
    OUT.parent.mkdir()
    if is_old:
        write("old")
    if not is_killed(moment):
        break
    if (OUT / "manifest.json").is_file():
        check_whole({"old", "new"})
    write("again")
    clear_unfinished(OUT.parent)
    check_whole({"again"})
    assert [path.name for path in OUT.parent.iterdir()] == ["out"]
    assert sorted(path.name for path in OUT.iterdir()) == ["a.txt", "manifest.json", "part"]
print(moment)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.fault("killed-mid-step")
@pytest.mark.parametrize(("what", "fewest"), [("fresh", 8), ("replaced", 18)])
def test_killed_at_any_moment_it_can_be_written_again(
    what: str, fewest: int, tmp_path: Path
) -> None:
    (tmp_path / "place").mkdir()
    done = package_process.run(["-c", KILLED_EVERYWHERE, str(tmp_path / "place" / "out"), what])
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > fewest


def test_the_mark_is_neither_listed_nor_left(tmp_path: Path) -> None:
    with written_whole(tmp_path / "out") as folder:
        assert (folder / UNFINISHED).is_file()
        (folder / "a.txt").write_text("text")
        write_manifest(folder, "prepare", {}, {}, {})
    assert list(read_manifest(folder, "prepare").files) == ["a.txt"]
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "manifest.json"]
    verify(folder, read_manifest(folder, "prepare"))


def test_what_others_left_beside_it_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.new").mkdir()
    (tmp_path / "mine.new" / "thesis.txt").write_text("years of work")
    (tmp_path / "ours.new").mkdir()
    (tmp_path / "ours.new" / UNFINISHED).touch()
    clear_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.new"]
    shutil.copytree(tmp_path / "mine.new", tmp_path / "mine")
    with pytest.raises(InputError, match="did not write"), written_whole(tmp_path / "mine", True):
        pass
    assert (tmp_path / "mine" / "thesis.txt").is_file()


@pytest.mark.fault("disk-full")
def test_on_a_full_disk_the_outermost_work_says_how_to_go_on(tmp_path: Path) -> None:
    """A training within an adaptation has no --resume that its user could give; alone it has."""
    for outer, expected in (("adapt again", "adapt again"), (None, "resume")):
        around = nullcontext() if outer is None else telling_of_a_full_disk(tmp_path / "out", outer)
        with (
            pytest.raises(InputError, match="run: cannot be written further") as said,
            around,
            telling_of_a_full_disk(tmp_path / "run", "resume"),
            full_disk(100),
        ):
            (tmp_path / "file").write_bytes(b"0" * 10_000)
        assert said.value.way_out == expected
