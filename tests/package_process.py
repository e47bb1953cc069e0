"""The package as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlm_pretrain

ROOT = Path(mlm_pretrain.__file__).parent.parent
LIMIT_SECONDS = 240
_TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def environment() -> dict[str, str]:
    """This process's, with the package importable and one thread: two of them share few cores."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """`python ARGUMENTS …`, with stdout and stderr as text."""
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_heed_interrupts,
    )  # fmt: skip


def _heed_interrupts() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """`python ARGUMENTS …` to its end."""
    with start(arguments) as process:
        return _finished(process)


def run_verb(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m mlm_pretrain WORDS …` to its end."""
    return run(["-m", "mlm_pretrain", *map(str, words)])


def run_on_two_processes(*words: object) -> subprocess.CompletedProcess[str]:
    """`torchrun --nproc-per-node 2 WORDS …` on gloo."""
    return run([*_TORCHRUN, *map(str, words)])


def signal_when(
    arguments: Sequence[str], ready: Callable[[], bool], number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Start `python ARGUMENTS …` and send it `number` as soon as `ready`."""
    with start(arguments) as process:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not ready():
            assert process.poll() is None, f"ended too early: {process.communicate()}"
            assert time.monotonic() < deadline, "never ready for the signal"
            time.sleep(0.01)
        process.send_signal(number)
        return _finished(process)


def _finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def call_verb(capfd: Any, *words: object) -> subprocess.CompletedProcess[str]:
    """`mlm-pretrain WORDS …` in this process, which has loaded the libraries already."""
    from mlm_pretrain.__main__ import main

    capfd.readouterr()
    code, given = 0, sys.argv
    sys.argv = ["mlm-pretrain", *map(str, words)]
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = given
    return subprocess.CompletedProcess([str(word) for word in words], code, *capfd.readouterr())
