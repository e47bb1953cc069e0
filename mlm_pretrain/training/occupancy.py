"""One run at a time in a folder: the run that trains there locks it, and says who it is.

The lock is the system's, so that it goes with its process however that ends. `running.json` names the
holder, and stands for the lock on file systems shared by hosts that do not see each other's.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import RUNNING_FILE, make_writable
from mlm_pretrain.errors import InputError

# Workers of a killed run hold its lock until they notice that it is gone.
_WIND_DOWN_SECONDS = 30.0

_held: dict[Path, int] = {}


def occupy(out: Path) -> None:
    """Make `out` this process's until `leave`. What a killed run left on this host is no obstacle.

    Raises:
        InputError: with the process and host of the run that trains in `out`.
    """
    make_writable(out)
    number = os.open(out, os.O_RDONLY) if os.name != "nt" else -1
    try:
        _wait_for_lock(number, out)
        holder = _holder(out)
        if holder is not None and not _is_gone(holder):
            raise _occupied(out, holder)
    except BaseException:
        _close(number)
        raise
    _held[out.resolve()] = number


def sign(out: Path) -> None:
    """Say in the folder whose it is, once it may hold files."""
    holder = {"process": os.getpid(), "host": socket.gethostname()}
    (out / RUNNING_FILE).write_text(json.dumps(holder) + "\n", encoding="utf-8")


def leave(out: Path) -> None:
    """Say that this process has ended training in `out`."""
    number = _held.pop(out.resolve(), None)
    if number is not None:
        (out / RUNNING_FILE).unlink(missing_ok=True)
        _close(number)


def _wait_for_lock(number: int, out: Path) -> None:
    """Lock the open folder; wait a little where its holder is dead."""
    deadline = time.monotonic() + _WIND_DOWN_SECONDS
    while not _lock(number):
        holder = _holder(out)
        if holder is None or not _is_gone(holder) or time.monotonic() > deadline:
            raise _occupied(out, holder)
        time.sleep(0.1)


def _lock(number: int) -> bool:
    """Whether the lock is ours now; True as well where the file system has none."""
    try:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _holder(out: Path) -> dict[str, Any] | None:
    """Who says to train in `out`."""
    try:
        found = json.loads((out / RUNNING_FILE).read_text(encoding="utf-8"))
        return {"process": int(found["process"]), "host": str(found["host"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {"process": 0, "host": "unknown"}


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether it was a process of this host that has ended, or is this one."""
    process = holder["process"]
    is_ours = holder["host"] == socket.gethostname()
    return is_ours and (process == os.getpid() or not _is_alive(process))


def _occupied(out: Path, holder: dict[str, Any] | None) -> InputError:
    who = f"process {holder['process']} on host {holder['host']}" if holder else "another process"
    return InputError(
        f"{out}: {who} is training there",
        f"wait for it or stop it; if it is gone, remove {out / RUNNING_FILE}",
    )


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _close(number: int) -> None:
    with suppress(OSError):
        os.close(number)
