"""What the Hub of the tests holds, receives and answers, and the ways in which it fails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

USER = "ada"
# Looks like a real one, so that the shape is tested too, and is valid on this server alone.
TOKEN = "hf_" + "LocalHubTestToken0123456789abcdefg"
HANG, TRICKLE, CONFLICT, LOST = "hang", "trickle", "conflict", "lost"


class CutOff(NamedTuple):
    """Of a file that is uploaded, half is read, and then the line is cut, or hangs."""

    oid: str
    hangs: bool = False


class Request(NamedTuple):
    """What the server received."""

    step: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    content: Any = None  # bytes, or what becomes JSON
    headers: dict[str, str] = {}  # noqa: RUF012 -- never changed


@dataclass
class Repository:
    """Branches and commits, each a name → content."""

    private: bool = False
    is_writable: bool = True
    gitignore: tuple[str, ...] = ()
    branches: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40})
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})
    messages: list[str] = field(default_factory=list)

    def files(self, revision: str) -> dict[str, bytes] | None:
        return self.commits.get(self.branches.get(revision, revision))

    def oids(self, revision: str) -> dict[str, str]:
        """name → what the Hub compares a file by: git's hash of a small one, SHA-256 of a large one."""
        files = self.files(revision) or {}
        return {n: sha256(data) if is_large(n) else git_hash(data) for n, data in files.items()}

    def add(self, revision: str, changes: dict[str, bytes], message: str) -> str:
        files = {**(self.files(revision) or {}), **changes}
        oid = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[oid] = files
        self.branches[revision] = oid
        self.messages.append(message)
        return oid


def is_large(name: str) -> bool:
    """Whether a file is stored apart from the repository."""
    return name.endswith(".safetensors")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
