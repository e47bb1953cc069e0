"""A run whose process was stopped or killed goes on to the very weights it would have reached."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import package_process
import pytest
from resumable import FLAGS, STEPS, checkpoints, config, weights

from mlm_pretrain.training.occupancy import RUNNING_FILE
from mlm_pretrain.training.pretrain import pretrain


@pytest.fixture(scope="module")
def whole_run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in one go."""
    out = tmp_path_factory.mktemp("whole") / "run"
    pretrain(config(prepared, out, checkpoint_minutes=10.0))
    return out


def stopped(
    data: Path, out: Path, number: signal.Signals, while_saving: bool = False
) -> subprocess.CompletedProcess[str]:
    """The run as a process, sent a signal once it has saved its fifth step, or while it saves another."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in FLAGS.items()]
    command = ["-m", "mlm_pretrain", "pretrain", "--data", str(data), "--out", str(out), *flags]
    command += ["--set", "pretrain.log_every=1"]

    def ready() -> bool:
        saved = any(int(path.name.split("-")[1]) >= 5 for path in checkpoints(out))
        return saved and (not while_saving or any(out.glob("checkpoint-*.partial/*.safetensors")))

    return package_process.signal_when(command, ready, number)


@pytest.mark.fault("signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_then_resume(
    number: signal.Signals,
    prepared: Path,
    whole_run: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    done = stopped(prepared, run, number)
    assert done.returncode == 128 + number, done.stderr
    assert f"mlm-pretrain pretrain --out {run} --resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    saved = int(checkpoints(run)[-1].name.split("-")[1])
    assert 5 <= saved < STEPS
    resumed = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert f"resuming from {run / f'checkpoint-{saved}'}" in resumed.stderr
    result = json.loads(resumed.stdout)
    assert result["steps"] == STEPS
    assert weights(run) == weights(whole_run)
    logs = [[json.loads(line) for line in (r / "log.jsonl").open()] for r in (run, whole_run)]
    assert [(x["step"], x["loss"], x["tokens"]) for x in logs[0]] == [
        (x["step"], x["loss"], x["tokens"]) for x in logs[1]
    ]


@pytest.mark.fault("killed-mid-save")
def test_killed_while_saving(
    prepared: Path, whole_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    for _ in range(5):  # the save may have ended just before the signal came
        assert stopped(prepared, run, signal.SIGKILL, True).returncode == -signal.SIGKILL
        halves = list(run.glob("checkpoint-*.partial"))
        if halves:
            break
        shutil.rmtree(run)
    (half,) = halves
    newest = checkpoints(run)[-1]
    pretrain(config(prepared, run), resume=True)
    err = capfd.readouterr().err
    assert f"{half}: skipped, since its saving never ended" in err
    assert f"resuming from {newest}" in err
    assert weights(run) == weights(whole_run)
    assert not list(run.glob("*.partial"))


@pytest.mark.fault("killed-mid-step")
def test_kill_then_resume(prepared: Path, whole_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert stopped(prepared, run, signal.SIGKILL).returncode == -signal.SIGKILL
    assert not (run / "model").exists()
    assert (run / RUNNING_FILE).exists()  # left behind by the dead process, and no obstacle
    result = pretrain(config(prepared, run), resume=True)
    assert result["steps"] == STEPS
    assert weights(run) == weights(whole_run)


def test_killed_before_it_began(prepared: Path, whole_run: Path, tmp_path: Path) -> None:
    """The folder then holds a half copied tokenizer and says whose it is: it is simply begun again."""
    run = tmp_path / "run"
    (run / "tokenizer").mkdir(parents=True)
    (run / RUNNING_FILE).write_text(
        json.dumps({"process": 2**22 + 1, "host": socket.gethostname()})
    )
    pretrain(config(prepared, run, checkpoint_minutes=10.0))
    assert weights(run) == weights(whole_run)
