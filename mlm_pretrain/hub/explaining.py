"""What the Hub's client raises → the problem and the way out, in words that hold no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlm_pretrain.redaction import redacted

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN (https://huggingface.co/settings/tokens)"
_BROKEN_TOKEN = ("the token holds characters that no request can carry", _LOGIN)
_BROKEN_LINE = (
    "the connection to {endpoint} broke",
    "push again: large files that arrived are not sent twice",
)
_LATER = "wait some minutes, then push again"
_MOST_WORDS = 300  # characters of what a server says

_OF_STATUS = {
    401: ("the Hub does not accept the token", _LOGIN),
    403: (
        "the token may not write to {repo}",
        "use a token that may write there, or choose another repository",
    ),
    404: (
        "{repo} was not found, or the token may not see it",
        "check its name, the revision, and what the token may do",
    ),
    409: ("{repo} is being changed by someone else at the same time", "push again"),
    412: ("{repo} was changed by someone else at the same time", "push again"),
    429: ("the Hub has had too many requests from here", _LATER),
}
# By name, along the classes' ancestors: the client's classes come from one HTTP library or its successor.
_OF_CLASS = {
    "LocalTokenNotFoundError": ("there is no Hugging Face token", _LOGIN),
    "OfflineModeIsEnabled": (
        "offline mode is on, so nothing can be pushed",
        "unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, then push again",
    ),
    "LocalProtocolError": _BROKEN_TOKEN,
    "UnicodeEncodeError": _BROKEN_TOKEN,
    "TimeoutException": ("{endpoint} did not answer within {seconds:g} seconds", _LATER),
    **dict.fromkeys(("RemoteProtocolError", "ReadError", "WriteError"), _BROKEN_LINE),
    "TransportError": (
        "{endpoint} cannot be reached",
        "check the connection, HF_ENDPOINT and proxies, then push again",
    ),
    "GaveUp": ("{endpoint} gave no answer in time", _LATER),
}


def explained(error: BaseException, repo: str, timeout_seconds: float) -> tuple[str, str]:
    """(problem, way out) of what a call of the Hub's client raised."""
    causes = list(_causes(error))
    for cause in causes:
        if getattr(cause, "response", None) is not None:
            problem, way_out = _of_response(cause, repo)
            break
    else:
        problem, way_out = _of_classes(causes, repo, timeout_seconds)
    return redacted(problem, stored_tokens()), way_out


def stored_tokens() -> list[str]:
    """The token of `hf auth login`, which may have any shape; read from its file, never refreshed."""
    from huggingface_hub import constants

    try:
        return [Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8").strip()]
    except (OSError, UnicodeDecodeError):
        return []


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from: uploads wrap theirs."""
    while error is not None:
        yield error
        error = error.__cause__


def _of_response(cause: Any, repo: str) -> tuple[str, str]:
    status = cause.response.status_code
    if status >= 500:
        problem, way_out = "the Hub has an error of its own", _LATER
    else:
        default = ("the Hub refuses the request", "do as it says, then push again")
        problem, way_out = _OF_STATUS.get(status, default)
    words = str(getattr(cause, "server_message", None) or "").partition("\n")[0][:_MOST_WORDS]
    return f"{problem.format(repo=repo)} ({status}{': ' + words if words else ''})", way_out


def _of_classes(causes: list[BaseException], repo: str, timeout_seconds: float) -> tuple[str, str]:
    from huggingface_hub import constants

    names = {ancestor.__name__ for cause in causes for ancestor in type(cause).__mro__}
    for name, (problem, way_out) in _OF_CLASS.items():
        if name in names:
            return problem.format(endpoint=constants.ENDPOINT, seconds=timeout_seconds), way_out
    last = causes[-1]
    words = " ".join(str(last).split())[:_MOST_WORDS]
    return f"{repo}: the push failed ({type(last).__name__}: {words})", "mend that, then push again"
