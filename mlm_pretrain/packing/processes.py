"""Processes that tokenise, fed in order and read in order.

Each is a fresh Python on two pipes that runs `main` below. Unlike `multiprocessing`, this never
imports the caller's script again, copies no threads' locks, and cannot leave orphans: a process
ends when its input does, however its parent ended.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import pyarrow

from mlm_pretrain.errors import InputError
from mlm_pretrain.packing.work import Batch, Order, Segments, Worker

# Batches under way for each process: one in work and one waiting.
_AHEAD = 2


def tokenise(batches: Iterable[Batch], order: Order, processes: int) -> Iterator[Segments]:
    """Segments of every batch, in the order of `batches`; with one process, in this one.

    Raises:
        InputError: when a process dies, saying how.
    """
    if processes == 1:
        yield from map(Worker(order), batches)
        return
    crew = [_Process(order) for _ in range(processes)]
    try:
        yield from _in_order(batches, crew)
    finally:
        for process in crew:
            process.close()


def _in_order(batches: Iterable[Batch], crew: list[_Process]) -> Iterator[Segments]:
    idle: SimpleQueue[_Process] = SimpleQueue()
    for process in crew:
        idle.put(process)

    def run(batch: Batch) -> Segments:
        process = idle.get()
        try:
            return process.work(batch)
        finally:
            idle.put(process)

    pending: deque[Future[Segments]] = deque()
    with ThreadPoolExecutor(len(crew), thread_name_prefix="tokenise") as threads:
        try:
            for batch in batches:
                pending.append(threads.submit(run, batch))
                if len(pending) >= _AHEAD * len(crew):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for process in crew:  # ends the threads' waits too, when we leave by an error
                process.kill()
            threads.shutdown(wait=True, cancel_futures=True)


class _Process:
    """One tokenising process: `work` sends a batch and waits for its segments."""

    def __init__(self, order: Order) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "TOKENIZERS_PARALLELISM": "false",  # the processes share the cores already
            "OMP_NUM_THREADS": "1",
        }
        self._popen = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self._order: Order | None = order

    @property
    def pid(self) -> int:
        return self._popen.pid

    def work(self, batch: Batch) -> Segments:
        """Send a batch, wait for its segments."""
        assert self._popen.stdin is not None and self._popen.stdout is not None
        try:
            if self._order is not None:
                _send(self._popen.stdin, self._order)
                self._order = None
            _send(self._popen.stdin, batch)
            answer = pickle.load(self._popen.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            raise self._died() from None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _died(self) -> InputError:
        code = self._popen.wait()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return InputError(
            f"a tokenising process (pid {self.pid}) ended {how}",
            "memory may have run out: try --processes 1; nothing usable was left in --out",
        )

    def kill(self) -> None:
        """End the process at once; its work is not needed any more."""
        self._popen.kill()

    def close(self) -> None:
        """End the process and let go of its pipes."""
        self.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(OSError):  # what was buffered for a process that is gone
                if pipe is not None:
                    pipe.close()


def _send(pipe: IO[bytes], message: Any) -> None:
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The process's side: an Order, then batches until the input ends."""
    worker = Worker(pickle.load(requests))
    while True:
        try:
            batch = pickle.load(requests)
        except EOFError:
            return
        try:
            answer: Any = worker(batch)
        except InputError as error:
            answer = error
        except Exception as error:
            answer = RuntimeError(f"{type(error).__name__} while tokenising: {error}")
        _send(answers, answer)


def main() -> None:
    """Serve on stdin and stdout; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may spoil the answers
    gc.disable()  # nothing here refers to itself, and looking for that took a sixth of the time
    pyarrow.set_cpu_count(1)
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        serve(requests, answers)
