"""`log.jsonl`: a line for each logged step, for everything that reads a run later.

A run that goes on from a checkpoint writes again what came after it, so that is taken out first.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import xxhash

from mlm_pretrain.environment import process_rank
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted_values

LOG_FILE = "log.jsonl"


def append_line(out: Path, line: dict[str, Any]) -> None:
    """Add one line to the log of the run in `out`."""
    with (out / LOG_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(redacted_values(line)) + "\n")


def begin_log(out: Path) -> None:
    """Forget what was logged: the run starts again from the beginning."""
    (out / LOG_FILE).unlink(missing_ok=True)


def log_facts(out: Path) -> dict[str, Any]:
    """How long the log is and what it holds, for a checkpoint to remember."""
    path = out / LOG_FILE
    content = path.read_bytes() if path.is_file() else b""
    return {"log_bytes": len(content), "log_hash": xxhash.xxh3_128_hexdigest(content)}


def cut_log(out: Path, facts: dict[str, Any]) -> None:
    """Take the log back to what it was by `facts`. One that was changed since is only reported."""
    path = out / LOG_FILE
    if process_rank() or "log_bytes" not in facts or not path.is_file():
        return
    content = path.read_bytes()[: facts["log_bytes"]]
    if xxhash.xxh3_128_hexdigest(content) != facts["log_hash"]:
        say(f"{path}: its checksum does not match the checkpoint, so it was changed or cut")
        return
    os.truncate(path, facts["log_bytes"])
