"""A training in phases that is killed, wherever that is, goes on to the very weights it would have had."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import package_process
import phased
import pytest

from mlm_pretrain.training.callbacks.interruption import InterruptionCallback
from mlm_pretrain.training.phases import pretrain_phases, resume_phases

FIRST, SECOND = phased.RUNS
FILES = (
    "model.safetensors",
    "optimizer.safetensors",
    "scheduler.safetensors",
    "generators-0.safetensors",
)


def state(out: Path) -> dict[str, str]:
    """sha256 of the weights of both phases, and of all that the last checkpoint keeps."""
    last = out / SECOND / f"checkpoint-{phased.SECOND}"
    paths = [*(out / run / "model" / "model.safetensors" for run in phased.RUNS)]
    paths += [last / name for name in FILES]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def killed(words: list[str], ready: Callable[[], bool]) -> None:
    done = package_process.signal_when(words, ready, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.mark.fault("killed-mid-step")
@pytest.mark.fault("killed-mid-save")
def test_killed_in_the_first_between_and_in_the_second(
    prepared: Path, long_rows: Path, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One training with three processes that end before it does."""
    out = tmp_path / "run"
    again = ["-m", "mlm_pretrain", "pretrain", "--out", str(out), "--resume"]
    killed(phased.as_words(prepared, long_rows, out), lambda: phased.saved(out / FIRST) > 1)
    assert not (out / FIRST / "manifest.json").exists()
    killed(again, (out / FIRST / "manifest.json").exists)
    assert not phased.saved(out / SECOND)
    killed(again, lambda: phased.saved(out / SECOND) > 1)
    assert not (out / "manifest.json").exists()
    result = resume_phases(out)
    said = capfd.readouterr().err
    assert "phase 1 of 2, short: finished before" in said
    assert "phase 2 of 2, long: goes on" in said
    assert result["steps"] == phased.FIRST + phased.SECOND
    assert state(out) == state(whole)
    steps = [[line["step"] for line in phased.log(out / run)] for run in phased.RUNS]
    assert steps == [list(range(1, n + 1)) for n in (phased.FIRST, phased.SECOND)]


@pytest.mark.fault("signals")
def test_a_signal_tells_how_to_go_on_with_all_phases(
    prepared: Path,
    long_rows: Path,
    whole: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, usual = tmp_path / "run", InterruptionCallback.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if Path(args.output_dir).name == SECOND and state.global_step == 3:
            self.received = signal.SIGINT
        usual(self, args, state, control, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(InterruptionCallback, "on_step_end", on_step_end)
        done = package_process.call_verb(capfd, *phased.as_words(prepared, long_rows, out)[2:])
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert f"stopped at step 3, saved in {out / SECOND}" in done.stderr
    assert f"next: mlm-pretrain pretrain --out {out} --resume" in done.stderr
    done = package_process.call_verb(capfd, "pretrain", "--out", out, "--resume", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "  2-long: 10 steps" in done.stdout
    assert state(out) == state(whole)


def test_whatever_the_last_process_had_finished(
    prepared: Path, long_rows: Path, whole: Path, tmp_path: Path
) -> None:
    """After the last step of the first phase but before its model; and before the second had a record."""
    out = tmp_path / "run"
    shutil.copytree(whole / FIRST, out / FIRST)
    shutil.copyfile(whole / "phases.json", out / "phases.json")
    (out / FIRST / "manifest.json").unlink()
    shutil.rmtree(out / FIRST / "model")
    (out / SECOND / "tokenizer").mkdir(parents=True)
    holder = {"process": 2**22 + 1, "host": socket.gethostname()}
    (out / SECOND / "running.json").write_text(json.dumps(holder), encoding="utf-8")
    settings = phased.config(prepared, out), phased.phases(long_rows)
    pretrain_phases(*settings, resume=True)
    assert state(out) == state(whole)


def test_finished_phases_are_not_trained_again(
    prepared: Path, long_rows: Path, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stamps = {p: p.stat().st_mtime_ns for p in whole.rglob("*.safetensors")}
    first = pretrain_phases(phased.config(prepared, whole), phased.phases(long_rows), resume=True)
    assert capfd.readouterr().err.count("finished before") == 2
    assert first["phases"][1]["validation"] == first["validation"]
    assert stamps == {p: p.stat().st_mtime_ns for p in whole.rglob("*.safetensors")}
