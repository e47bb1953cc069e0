"""Tokens, keys and this machine's home: taken out of what is written, looked for in what is uploaded."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

MARK = "[redacted]"
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "WANDB_API_KEY")
# A shorter value could be any word, and would be struck out of ordinary text.
_SHORTEST_SECRET = 8

# Prefixes that issuers chose so that leaks can be found. Borders stand only where a word may end alike:
# "task-…" ends in "sk-", but nothing ends in "hf_".
_HUB_TOKENS = {
    "Hugging Face token": r"hf_(?:(?:oauth|jwt)_[A-Za-z0-9_.\-]{20,}|[A-Za-z0-9]{20,})",
    "Hugging Face organisation token": r"api_org_[A-Za-z0-9]{20,}",
}
_KEYS = {
    **_HUB_TOKENS,
    "AWS key": r"(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "API key": r"(?<![A-Za-z0-9])sk-(?:(?:proj|svcacct|admin|ant-[a-z0-9]+)-[A-Za-z0-9_\-]{20,}"
    r"|[A-Za-z0-9]{20,})",
    "GitHub token": r"gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
}
_PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
_REST_OF_KEY = r"(?s:.*?)(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
_URL_LOGIN = r"""://[^\s/:@"'<>\\]{0,256}:[^\s/@"'<>\\]{1,256}@"""

_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 4096  # longer than any secret, so that none is lost between two blocks
_BORDER_BYTES = 2  # what follows a match decides whether it is one
_MOST_FINDINGS = 20
_WEIGHTS = ".safetensors"
_BINARY = (_WEIGHTS, ".model", ".spm")  # the latter of SentencePiece


class Finding(NamedTuple):
    """Where something lies that must not be uploaded: a line of text, or a byte of a binary file."""

    position: int
    kind: str


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without secrets, with the home folder as `~`, and such that a file can hold it: a name on the
    disk may have bytes that are no text, which are then spelt out."""
    text = without_secrets(text.encode("utf-8", "backslashreplace").decode(), secrets)
    home = _home()
    return re.sub(_home_path(home), "~", text) if home else text


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with tokens and keys replaced by `[redacted]`.

    Tokens are known by their shape, by being the value of a token variable, or from `secrets`.
    """
    for value in _known(secrets):
        text = text.replace(value, MARK)
    for shape in (*_KEYS.values(), _PRIVATE_KEY + _REST_OF_KEY):
        text = re.sub(shape, MARK, text)
    return re.sub(_URL_LOGIN, f"://{MARK}@", text)


def redacted_values(value: Any, secrets: Iterable[str] = ()) -> Any:
    """What goes into a JSON file, with every string in it redacted, keys of dicts too."""
    known = tuple(secrets)
    if isinstance(value, (str, PurePath)):
        return redacted(str(value), known)
    if isinstance(value, dict):
        return {
            redacted_values(key, known): redacted_values(item, known) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [redacted_values(item, known) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def with_home(value: Any) -> Any:
    """A path below the home folder as it was given, before it was written with ~; in sections too."""
    if isinstance(value, dict):
        return {k: with_home(v) for k, v in value.items()}
    is_path = isinstance(value, str) and (value == "~" or value.startswith("~/"))
    return str(Path(value).expanduser()) if is_path else value


def find_secrets(path: str | Path, secrets: Iterable[str] = ()) -> list[Finding]:
    """Where a file holds tokens, keys or paths of the home folder; never what they are.

    The file is read block by block. Of weights only Hub tokens and the known tokens are looked for:
    among random bytes every looser shape turns up by chance. A SentencePiece file is mostly text: it also has
    the paths of what it was made from.

    Returns:
        Up to 20 findings in order, whose position is a line, or a byte offset where `is_binary`.
    """
    searches = _searches(Path(path).suffix == _WEIGHTS, secrets)
    with Path(path).open("rb") as file:
        found = sorted(_findings(file, searches, count_lines=not is_binary(path)))
    return found[:_MOST_FINDINGS]


def is_binary(path: str | Path) -> bool:
    """Whether findings in it are bytes rather than lines."""
    return Path(path).suffix in _BINARY


def _known(secrets: Iterable[str]) -> list[str]:
    """Secrets by value, longest first: one may be part of another."""
    values = {os.environ.get(name, "").strip() for name in TOKEN_VARIABLES}
    values |= {secret.strip() for secret in secrets}
    return sorted((v for v in values if len(v) >= _SHORTEST_SECRET), key=lambda v: (-len(v), v))


def _home() -> str | None:
    try:
        home = str(Path.home())
    except RuntimeError:  # no home is set, and the user has none
        return None
    return None if home == Path(home).anchor else home


def _home_path(home: str) -> str:
    """The home folder as a whole path or its beginning, also as JSON writes it: not /root in /rootfs."""
    spellings = {home, Path(home).as_posix(), json.dumps(home)[1:-1]}
    spellings.add(json.dumps(home, ensure_ascii=False)[1:-1])
    either = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    return rf"(?<![\w.~])(?:{either})(?!\.?[\w\-])"


def _searches(are_weights: bool, secrets: Iterable[str]) -> list[tuple[str, re.Pattern[bytes]]]:
    """(kind, pattern) of all that is looked for in a file."""
    found = [("token in use", re.escape(value)) for value in _known(secrets)]
    if are_weights:
        found += _HUB_TOKENS.items()
    else:
        found += [*_KEYS.items(), ("private key", _PRIVATE_KEY), ("login in a URL", _URL_LOGIN)]
        found += _home_search()
    return [(kind, re.compile(pattern.encode())) for kind, pattern in found]


def _home_search() -> list[tuple[str, str]]:
    """A home right below the root, such as /root, names nobody, and a vocabulary may well hold it."""
    home = _home()
    if home is None:
        return []
    below = r"(?=[/\\])" if len(Path(home).parts) <= 2 else ""
    return [("path of the home folder", _home_path(home) + below)]


def _findings(
    file: BinaryIO, searches: list[tuple[str, re.Pattern[bytes]]], count_lines: bool
) -> Iterator[Finding]:
    buffer, start, line, seen = b"", 0, 1, -1
    while True:
        block = file.read(_BLOCK_BYTES)
        buffer += block
        for offset, kind in _hits(searches, buffer, seen, is_end=not block):
            place = line + buffer.count(b"\n", 0, offset) if count_lines else start + offset
            yield Finding(place, kind)
        if not block:
            return
        cut = max(0, len(buffer) - _OVERLAP_BYTES)
        line += buffer.count(b"\n", 0, cut)
        buffer, start = buffer[cut:], start + cut
        seen = len(buffer) - _BORDER_BYTES


def _hits(
    searches: list[tuple[str, re.Pattern[bytes]]], buffer: bytes, seen: int, is_end: bool
) -> list[tuple[int, str]]:
    """(offset, kind) of what is found after `seen`; a match that the block cuts waits for the next."""
    border = len(buffer) - _BORDER_BYTES
    hits: dict[int, str] = {}
    for kind, pattern in searches:
        for match in pattern.finditer(buffer):
            is_cut = match.end() > border and match.start() >= len(buffer) - _OVERLAP_BYTES
            if match.end() > seen and (is_end or not is_cut):
                hits.setdefault(match.start(), kind)
    return sorted(hits.items())[:_MOST_FINDINGS]
