"""A disk that is too small is found out before the run, and one that fills up loses nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import package_process
import pytest
from resumable import FLAGS, checkpoints, config, weights

from mlm_pretrain.errors import InputError
from mlm_pretrain.training.pretrain import pretrain

SIZE_BYTES = 24 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def free_bytes(disk: Path) -> int:
    state = os.statvfs(disk)
    return state.f_bavail * state.f_frsize


@pytest.mark.fault("disk-full")
def test_more_checkpoints_than_the_disk_holds(prepared: Path, small_disk: Path) -> None:
    with pytest.raises(InputError, match=r"run: needs [\d.]+ MB, has 25\.2 MB"):
        pretrain(config(prepared, small_disk / "run", keep_checkpoints=20))
    assert list(small_disk.iterdir()) == []


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up_while_training(
    prepared: Path, small_disk: Path, tmp_path: Path
) -> None:
    """Another program takes all the room, so that not even the log can grow."""
    run, ballast = small_disk / "run", small_disk / "ballast"
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in FLAGS.items()]
    words = ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--out", str(run), *flags]
    with package_process.start([*words, "--set", "pretrain.log_every=1"]) as process:
        while len(checkpoints(run)) < 2:
            assert process.poll() is None, process.communicate()
        with ballast.open("wb") as file:
            while free := free_bytes(small_disk):
                try:
                    file.write(b"x" * min(free, 1 << 16))
                    file.flush()
                except OSError:
                    break
        _, err = process.communicate(timeout=package_process.LIMIT_SECONDS)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    assert "cannot be written" in err
    assert "No space left on device" in err
    kept = checkpoints(run)
    assert kept
    ballast.unlink()
    pretrain(config(prepared, run), resume=True)
    pretrain(config(prepared, tmp_path / "whole", checkpoint_minutes=10.0))
    assert weights(run) == weights(tmp_path / "whole")
