"""Work on many inputs in processes of bounded time and memory: what goes over is a result, and ends nothing.

An alarm on processor time and a limit on memory (Linux) stop what runs in Python. What does not let itself be
stopped, or ends its process, is seen from outside: by a limit on real time, and by the pipe that closes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Real time beside the bound on processor time: others may have the processor meanwhile.
_PATIENCE = 6
_FRAMES = 3
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Processor seconds of one input, and megabytes that it may add to its process."""

    seconds: float = 5.0
    megabytes: int = 1024


@dataclass(frozen=True, slots=True)
class Job:
    """`prepare(number)` makes an input and `work` is what is bounded; it returns the outcome's name.

    Both are functions of a module (or `partial` of one): they are sent to processes.
    """

    prepare: Callable[[int], Any]
    work: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input. `failure` says what went wrong; it is empty otherwise."""

    number: int
    outcome: str
    failure: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


class _TooSlow(BaseException):
    """No `except Exception` may swallow it."""


def run_all(job: Job, numbers: Sequence[int], bounds: Bounds, processes: int) -> list[Result]:
    """One result a number, in their order."""
    shares = [numbers[first::processes] for first in range(processes)]
    with ThreadPoolExecutor(processes) as threads:
        done = threads.map(lambda share: list(_run_share(job, share, bounds)), shares)
        return sorted(chain.from_iterable(done), key=lambda result: result.number)


def _run_share(job: Job, numbers: Sequence[int], bounds: Bounds) -> Iterator[Result]:
    """One process after the other: a new one for each that had to be given up."""
    worker = None
    try:
        for number in numbers:
            worker = worker or _Worker(job, bounds)
            result = worker.ask(number)
            yield result
            if worker.ended:
                worker.close()
                worker = None
    finally:
        if worker is not None:
            worker.close()


class _Worker:
    """A process and its pipe."""

    def __init__(self, job: Job, bounds: Bounds) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, job, bounds), daemon=True)
        self._process.start()
        there.close()
        self._limit_seconds = bounds.seconds * _PATIENCE
        self.ended = False
        self._pipe.recv()  # says that everything is imported

    def ask(self, number: int) -> Result:
        """The result of one input, or why there is none."""
        began = time.monotonic()
        try:
            self._pipe.send(number)
            if self._pipe.poll(self._limit_seconds):
                return self._pipe.recv()  # type: ignore[no-any-return]
            failure = f"no answer within {self._limit_seconds:g} s"
        except (EOFError, OSError):
            self._process.join()
            failure = f"its process ended with code {self._process.exitcode}"
        self.ended = True
        return Result(number, "failure", failure, time.monotonic() - began)

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, job: Job, bounds: Bounds) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGPROF, _stop)
    _limit_memory(bounds)
    pipe.send("ready")
    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent is done, or gone
        while True:
            number = pipe.recv()
            pipe.send(_measured(job, number, bounds))


def _stop(*_: object) -> None:
    raise _TooSlow


def _limit_memory(bounds: Bounds) -> None:
    """Far over the bound, so that the bound itself is measured; without Linux there is none."""
    if _STATUS.exists():
        limit = (_status_megabytes("VmData") + 2 * bounds.megabytes) << 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _measured(job: Job, number: int, bounds: Bounds) -> Result:
    given = job.prepare(number)
    _forget_peak()
    before, began = _status_megabytes("VmRSS"), time.process_time()
    outcome, failure = _guarded(job.work, given, bounds)
    seconds, grown = time.process_time() - began, max(0, _status_megabytes("VmHWM") - before)
    if not failure and grown > bounds.megabytes:
        failure = f"took {grown} MB of memory"
    outcome = "failure" if failure else outcome
    return Result(number, outcome, failure, round(seconds, 3), grown)


def _guarded(work: Callable[[Any], str], given: Any, bounds: Bounds) -> tuple[str, str]:
    """The outcome, or why there is none."""
    signal.setitimer(signal.ITIMER_PROF, bounds.seconds)
    try:
        return work(given), ""
    except _TooSlow:
        return "", f"took more than {bounds.seconds:g} s"
    except Exception as error:
        places = "".join(traceback.format_tb(error.__traceback__)[-_FRAMES:])
        return "", f"{type(error).__name__}: {error}\n{places}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status_megabytes(name: str) -> int:
    """A figure that Linux keeps of this process; 0 elsewhere."""
    if not _STATUS.exists():
        return 0
    found = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(found.split()[1]) >> 10
