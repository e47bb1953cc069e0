"""Names of models, texts and commands as others may read them: without this machine's folders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from mlm_pretrain.redaction import redacted

_DATASETS = "hf:"
# From the root, the home or the place where one stands: /x/y, ~/x, ./x, ../x, C:\x; but no URL.
_PATH = re.compile(r"""(?<![\w.~/\\-])(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?!/)[^\s,;\]}"'<>|]+""")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
# `key=value`, `KIND:FOLDER`; no drive's letter.
_BEGINNING = re.compile(r"[^/:=\\]{2,}[:=]")
_OF_A_LIST = frozenset(",[]{}\"'")


def hub_name(model: str | None) -> str | None:
    """The name of a model where others can find it; None for a folder of this machine."""
    if model is None or _is_here(model) or not _HUB_NAME.fullmatch(model):
        return None
    return model


def shown_name(name: str) -> str:
    """A model or a text by its name on the Hub, or by the last part of its path."""
    if name.startswith(_DATASETS) or hub_name(name) is not None:
        return redacted(name)
    return _last(name)


def shown_command(words: Sequence[str]) -> str:
    """A command as one line, with every path as its last part, and without secrets."""
    return redacted(shlex.join(_shown_word(word) for word in words))


def shown_value(text: str) -> str:
    """Any text with every path as its last part, and without secrets."""
    return redacted(_shown_word(text))


def _shown_word(word: str) -> str:
    if word.startswith(_DATASETS) or "://" in word:
        return word
    found = _BEGINNING.match(word)
    head = found.group() if found else ""
    tail = word[len(head) :]
    is_path = _PATH.match(tail) or ("/" in tail and (_is_here(tail) or tail.count("/") > 1))
    if is_path and _OF_A_LIST.isdisjoint(tail):
        return head + _last(tail)
    return _PATH.sub(lambda path: _last(path.group()), word)


def _is_here(name: str) -> bool:
    """Whether something of this machine is so called."""
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # no name that a disk can hold, or no such user
        return False


def _last(path: str) -> str:
    """The last part of a path; "." where it is but signs for a place."""
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".", "..", "~")]
    return redacted(parts[-1]) if parts else "."
