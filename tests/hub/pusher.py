"""Pushes in processes of their own: the test session is offline, and the client reads that once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import package_process
from local_hub import TOKEN, LocalHub

from mlm_pretrain.manifest import hash_file

_CALLS = Path(__file__).with_name("push_calls.py")


def environment(hub: LocalHub, home: Path, **changes: str | None) -> dict[str, str]:
    """For a process that knows this Hub alone, with a home of its own. None unsets a variable."""
    settings: dict[str, str | None] = {
        **package_process.environment(),
        "HF_HUB_OFFLINE": None, "TRANSFORMERS_OFFLINE": None, "HF_HUB_DISABLE_XET": "1",
        "HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HOME": str(home / "huggingface"),
        "HF_HUB_DISABLE_TELEMETRY": "1", "HOME": str(home), "NO_PROXY": "127.0.0.1",
        **changes,
    }  # fmt: skip
    return {name: value for name, value in settings.items() if value is not None}


def run_verb(
    hub: LocalHub, home: Path, *words: object, **changes: str | None
) -> subprocess.CompletedProcess[str]:
    """`mlm-pretrain WORDS …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mlm_pretrain", *map(str, words)],
        env=environment(hub, home, **changes), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


class Pusher:
    """A process that calls `mlm_pretrain.hub` on request; all it says on stderr is in the file `stderr`."""

    def __init__(self, hub: LocalHub, home: Path, **changes: str | None) -> None:
        home.mkdir(exist_ok=True)
        self.stderr = home / "stderr.txt"
        self._process = subprocess.Popen(
            [sys.executable, str(_CALLS)], env=environment(hub, home, **changes), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr.open("w"),
        )  # fmt: skip

    def call(self, function: str, *arguments: object, **options: object) -> dict[str, Any]:
        """`result`, or `error`, `message`, `code` and `traceback`; and `seconds`."""
        assert self._process.stdin and self._process.stdout
        words = [str(a) if isinstance(a, Path) else a for a in arguments]
        print(json.dumps([function, words, options]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, self.stderr.read_text()
        return dict(json.loads(line))

    def close(self) -> None:
        self._process.communicate(timeout=30)


class Verbs:
    """A process with that Hub and home which runs verbs, one after the other."""

    def __init__(self, hub: LocalHub, home: Path) -> None:
        home.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("verb_calls.py"))], text=True,
            env=environment(hub, home), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin and self._process.stdout
        print(json.dumps([str(word) for word in words]), file=self._process.stdin, flush=True)
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess([str(word) for word in words], code, out, err)

    def close(self) -> None:
        self._process.communicate(timeout=30)


def checksums(folder: Path) -> dict[str, str]:
    """Of every file in `folder`."""
    return {str(p): hash_file(p) for p in folder.rglob("*") if p.is_file()}
