"""A Hub on this machine: a real HTTP server that speaks what a push and a reload need, and can fail."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import yaml
from hub_handler import Handler
from hub_records import (
    CONFLICT,
    HANG,
    LOST,
    TOKEN,
    TRICKLE,
    USER,
    Answer,
    CutOff,
    Repository,
    Request,
    is_large,
    sha256,
)
from huggingface_hub import ModelCardData

__all__ = [
    "CONFLICT", "HANG", "LOST", "TOKEN", "TRICKLE", "CutOff", "LocalHub", "Repository", "running_hub",
]  # fmt: skip


class LocalHub:
    """`faults` maps a step of the push to an HTTP status, or to HANG, TRICKLE, CONFLICT, LOST or a CutOff."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.storage: dict[str, bytes] = {}
        self.faults: dict[str, int | str | CutOff] = {}
        self.role = "write"
        self.requests: list[Request] = []
        self.cut_off: list[int] = []  # bytes read of files that were cut off
        self.is_closing = threading.Event()
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self})
        )
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def steps(self) -> list[str]:
        """What was asked, in order."""
        return [request.step for request in self.requests]

    def uploads(self) -> list[str]:
        """The large files that arrived whole, by SHA-256, each as often as it was sent."""
        return [sha256(request.body) for request in self.requests if request.step == "put"]

    def clear(self) -> None:
        """Forget repositories, faults and requests."""
        for memory in (self.repositories, self.storage, self.faults, self.requests, self.cut_off):
            memory.clear()
        self.role = "write"

    def whoami(self, body: bytes) -> Answer:
        access = {"displayName": "test", "role": self.role}
        user = {"type": "user", "name": USER, "orgs": [], "auth": {"accessToken": access}}
        return Answer(200, user)

    def create(self, body: bytes) -> Answer:
        asked = json.loads(body)
        repo = f"{asked.get('organization') or USER}/{asked['name']}"
        link = {"url": f"{self.address}/{repo}"}
        if repo.startswith(USER + "/") and repo not in self.repositories:
            self.repositories[repo] = Repository(private=asked.get("visibility") == "private")
            return Answer(200, link)
        return Answer(409 if self.is_mine(repo) else 403, {**link, "error": "You cannot create it"})

    def is_mine(self, repo: str) -> bool:
        return repo in self.repositories and self.repositories[repo].is_writable

    def validate(self, body: bytes) -> Answer:
        """Whether a card's metadata can be read, its list of results too."""
        _, mark, rest = json.loads(body)["content"].partition("---\n")
        if not mark:
            missing = {"message": "empty or missing yaml metadata"}
            return Answer(200, {"errors": [], "warnings": [missing]})
        try:
            licence = ModelCardData(**yaml.safe_load(rest.partition("---\n")[0])).license
            if licence not in (None, "mit", "apache-2.0", "other"):
                raise ValueError('"license" must be one of [mit, apache-2.0, …]')
        except Exception as error:
            return Answer(400, {"errors": [{"message": str(error)}], "warnings": []})
        return Answer(200, {"errors": [], "warnings": []})

    def branch(self, body: bytes, repo: str, revision: str) -> Answer:
        branches = self.repositories[repo].branches
        if revision in branches:
            return Answer(409, {"error": "exists"})
        branches[revision] = branches["main"]
        return Answer(200, {})

    def preupload(self, body: bytes, repo: str, revision: str) -> Answer:
        if not self.is_mine(repo):
            return Answer(403, {"error": "Forbidden"})
        held = self.repositories[repo]
        oids = held.oids(revision)
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"]) else "regular",
                "shouldIgnore": file["path"] in held.gitignore,
                "oid": oids.get(file["path"]),
            }
            for file in json.loads(body)["files"]
        ]
        return Answer(200, {"files": files})

    def xet(self, body: bytes, repo: str, revision: str) -> Answer:
        return Answer(404, {"error": "no such storage here"})

    def batch(self, body: bytes, repo: str) -> Answer:
        objects = json.loads(body)["objects"]
        for thing in objects:
            if thing["oid"] not in self.storage:
                href = f"{self.address}/storage/{thing['oid']}"
                thing["actions"] = {"upload": {"href": href}}
        return Answer(200, {"transfer": "basic", "objects": objects})

    def put(self, body: bytes, oid: str) -> Answer:
        if sha256(body) != oid:
            return Answer(400, {"error": "bad checksum"})
        self.storage[oid] = body
        return Answer(200, b"")

    def commit(self, body: bytes, repo: str, revision: str) -> Answer:
        if revision not in self.repositories[repo].branches:
            return Answer(404, {"error": "no such branch"}, {"X-Error-Code": "RevisionNotFound"})
        header, *lines = [json.loads(line) for line in body.splitlines()]
        files = {}
        for line in lines:
            value, is_large = line["value"], line["key"] == "lfsFile"
            content = self.storage[value["oid"]] if is_large else base64.b64decode(value["content"])
            files[value["path"]] = content
        oid = self.repositories[repo].add(revision, files, header["value"]["summary"])
        return Answer(200, {"commitUrl": f"{self.address}/{repo}/commit/{oid}", "commitOid": oid})

    def info(self, body: bytes, repo: str, revision: str | None) -> Answer:
        files = self._files(repo, revision or "main")
        if files is None:
            return Answer(404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"})
        held = self.repositories[repo]
        sha = held.branches.get(revision or "main", revision)
        siblings = [{"rfilename": name} for name in files]
        return Answer(
            200, {"id": repo, "sha": sha, "private": held.private, "tags": [], "siblings": siblings}
        )

    def tree(self, body: bytes, repo: str, revision: str, path: str | None) -> Answer:
        files = self._files(repo, revision)
        if files is None or path:
            return Answer(404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"})
        return Answer(
            200,
            [
                {"type": "file", "path": name, "size": len(data), "oid": sha256(data)}
                for name, data in files.items()
            ],
        )

    def resolve(self, body: bytes, repo: str, revision: str, path: str) -> Answer:
        files = self._files(repo, revision)
        if files is None or path not in files:
            return Answer(404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"})
        sha = self.repositories[repo].branches.get(revision, revision)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{sha256(files[path])}"'}
        return Answer(200, files[path], headers)

    def _files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        return self.repositories[repo].files(revision) if repo in self.repositories else None


@contextlib.contextmanager
def running_hub() -> Iterator[LocalHub]:
    """A server on a free port, stopped at the end whatever hangs on it."""
    hub = LocalHub()
    hub.server.block_on_close = False
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.is_closing.set()
        hub.server.shutdown()
        hub.server.server_close()
