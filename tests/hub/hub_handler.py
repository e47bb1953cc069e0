"""The HTTP side of the Hub of the tests: which request is which step, and failing on request."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from hub_records import CONFLICT, HANG, LOST, TOKEN, TRICKLE, Answer, CutOff, Request

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


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Any  # the LocalHub that it speaks for

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        if self._is_cut_off(path):
            return
        body = self._body()
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

    def _is_cut_off(self, path: str) -> bool:
        """Read half of a file that is to be cut off, and end the connection, or let it hang."""
        fault = self.hub.faults.get("put")
        if not isinstance(fault, CutOff) or path != f"/storage/{fault.oid}":
            return False
        half = self.rfile.read(int(self.headers["Content-Length"]) // 2)
        self.hub.cut_off.append(len(half))
        if fault.hangs:
            self._stall(is_trickling=False)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def _answer(self, step: str, body: bytes, named: dict[str, Any]) -> None:
        fault = self.hub.faults.get(step)
        knows_token = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        held = self.hub.repositories.get(named.get("repo") or "")
        is_open = step in ("put", "validate") or (step == "resolve" and not (held and held.private))
        if fault in (HANG, TRICKLE):
            self._stall(is_trickling=fault == TRICKLE)
        elif fault == CONFLICT:
            text = "Cannot create repo: another conflicting operation is in progress"
            self._send(Answer(409, {"error": text}))
        elif isinstance(fault, int):
            self._send(Answer(fault, {"error": f"{step} was made to fail"}))
        elif not (is_open or knows_token):
            self._send(Answer(401, {"error": "Invalid credentials in Authorization header"}))
        elif fault == LOST:  # done, but nobody hears of it
            getattr(self.hub, step)(body, **named)
            self.close_connection = True
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
