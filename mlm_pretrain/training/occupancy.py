"""One run at a time in a folder: the run that trains there leaves its process number and host."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from mlm_pretrain.errors import InputError

RUNNING_FILE = "running.json"


def refuse_occupied(out: Path) -> None:
    """Stop before another run's folder is touched. What a killed run left on this host is no matter.

    Raises:
        InputError: with the process and host of the run that trains in `out`.
    """
    path = out / RUNNING_FILE
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        process, host = int(holder["process"]), str(holder["host"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError):
        process, host = 0, "unknown"
    if host == socket.gethostname() and (process == os.getpid() or not _is_alive(process)):
        return
    raise InputError(
        f"{out}: process {process} on host {host} is training there",
        f"wait for it or stop it; if it is gone, remove {path}",
    )


def occupy(out: Path) -> None:
    """Say that this process trains in `out`."""
    holder = {"process": os.getpid(), "host": socket.gethostname()}
    (out / RUNNING_FILE).write_text(json.dumps(holder) + "\n", encoding="utf-8")


def leave(out: Path) -> None:
    """Say that this process has ended training in `out`."""
    (out / RUNNING_FILE).unlink(missing_ok=True)


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
