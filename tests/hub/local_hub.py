"""A Hub on this machine: a real HTTP server that speaks what a push and a reload need, and can fail."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

USER = "ada"
# Looks like a real one, so that the shape is tested too, and is valid on this server alone.
TOKEN = "hf_" + "LocalHubTestToken0123456789abcdefg"
HANG, TRICKLE, CONFLICT = "hang", "trickle", "conflict"

_REPO = r"(?P<repo>[^/]+/[^/]+)"
_ROUTES = (
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate"),
    ("POST", rf"/api/models/{_REPO}/branch/(?P<revision>[^/]+)", "branch"),
    ("POST", rf"/api/models/{_REPO}/preupload/(?P<revision>[^/]+)", "preupload"),
    ("GET", rf"/api/models/{_REPO}/xet-write-token/(?P<revision>[^/]+)", "xet"),
    ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/storage/(?P<oid>[0-9a-f]{64})", "put"),
    ("POST", rf"/api/models/{_REPO}/commit/(?P<revision>[^/]+)", "commit"),
    ("GET", rf"/api/models/{_REPO}(/revision/(?P<revision>[^/]+))?", "info"),
    ("GET", rf"/api/models/{_REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?", "tree"),
    ("GET", rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
)


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

    def add(self, revision: str, changes: dict[str, bytes], message: str) -> str:
        files = {**(self.files(revision) or {}), **changes}
        oid = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[oid] = files
        self.branches[revision] = oid
        self.messages.append(message)
        return oid


class LocalHub:
    """`faults` maps a step of the push to an HTTP status, or to HANG, TRICKLE or CONFLICT."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.storage: dict[str, bytes] = {}
        self.faults: dict[str, int | str] = {}
        self.role = "write"
        self.requests: list[Request] = []
        self.is_closing = threading.Event()
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self})
        )
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def steps(self) -> list[str]:
        """What was asked, in order."""
        return [request.step for request in self.requests]

    def clear(self) -> None:
        """Forget repositories, faults and requests."""
        for memory in (self.repositories, self.storage, self.faults, self.requests):
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
        is_valid = json.loads(body)["content"].startswith("---\n")
        warnings = [] if is_valid else [{"message": "empty or missing yaml metadata"}]
        return Answer(200, {"errors": [], "warnings": warnings})

    def branch(self, body: bytes, repo: str, revision: str) -> Answer:
        branches = self.repositories[repo].branches
        if revision in branches:
            return Answer(409, {"error": "exists"})
        branches[revision] = branches["main"]
        return Answer(200, {})

    def preupload(self, body: bytes, repo: str, revision: str) -> Answer:
        if not self.is_mine(repo):
            return Answer(403, {"error": "Forbidden"})
        ignored = self.repositories[repo].gitignore
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": file["path"] in ignored,
                "oid": None,
            }
            for file in json.loads(body)["files"]
        ]
        return Answer(200, {"files": files})

    def xet(self, body: bytes, repo: str, revision: str) -> Answer:
        return Answer(404, {"error": "no such storage here"})

    def batch(self, body: bytes, repo: str) -> Answer:
        objects = [
            {**thing, "actions": {"upload": {"href": f"{self.address}/storage/{thing['oid']}"}}}
            for thing in json.loads(body)["objects"]
        ]
        return Answer(200, {"transfer": "basic", "objects": objects})

    def put(self, body: bytes, oid: str) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
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
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in files.items()
            ],
        )

    def resolve(self, body: bytes, repo: str, revision: str, path: str) -> Answer:
        files = self._files(repo, revision)
        if files is None or path not in files:
            return Answer(404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"})
        sha = self.repositories[repo].branches.get(revision, revision)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{_oid(files[path])}"'}
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def _serve(self) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        method = "GET" if self.command == "HEAD" else self.command
        for verb, pattern, step in _ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                self.hub.requests.append(Request(step, self.path, dict(self.headers), body))
                named = {k: v and unquote(v) for k, v in found.groupdict().items()}
                self._answer(step, body, named)
                return
        self._send(Answer(404, {"error": "no such route"}))

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, step: str, body: bytes, named: dict[str, Any]) -> None:
        fault = self.hub.faults.get(step)
        is_open = step == "put" or self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if fault in (HANG, TRICKLE):
            self._stall(is_trickling=fault == TRICKLE)
        elif fault == CONFLICT:
            text = "Cannot create repo: another conflicting operation is in progress"
            self._send(Answer(409, {"error": text}))
        elif isinstance(fault, int):
            self._send(Answer(fault, {"error": f"{step} was made to fail"}))
        elif not is_open and step != "resolve":
            self._send(Answer(401, {"error": "Invalid credentials in Authorization header"}))
        else:
            self._send(getattr(self.hub, step)(body, **named))

    def _stall(self, is_trickling: bool) -> None:
        """Answer nothing, or a byte now and then: no single wait of the client is long then."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            if is_trickling:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.hub.is_closing.wait(0.1):
                self.wfile.write(b"." * is_trickling)

    def _send(self, answer: Answer) -> None:
        is_raw = isinstance(answer.content, bytes)
        content = answer.content if is_raw else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header(
            "Content-Type", "application/octet-stream" if is_raw else "application/json"
        )
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `requests` has it all."""


def _oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
