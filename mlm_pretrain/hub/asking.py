"""Requests to the Hub that end: waits and retries are bounded, and what fails is said in plain words."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from mlm_pretrain.errors import InputError
from mlm_pretrain.hub.explaining import explained
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Answer = TypeVar("Answer")

PUSH_FAILED = 3
TIMEOUT_SECONDS = 60.0
# The library tries six times, with up to eight seconds between, and waits for each without end.
_ATTEMPTS = 3
_REQUESTS = 12  # a push makes about so many, the upload aside
_SLOWEST_BYTES_PER_SECOND = 50_000


class PushError(InputError):
    """Nothing was pushed, and the model lies where it was. `retry` is the command that pushes it again."""

    exit_code = PUSH_FAILED
    folder = ""
    retry = ""

    def __str__(self) -> str:
        kept = f"\n  the model is kept in {self.folder}" if self.folder else ""
        again = f"\n  push it again with: {self.retry}" if self.retry else ""
        return f"{super().__str__()}{kept}{again}"


class GaveUp(Exception):
    """Enough was tried. `response` is the last answer, where one came."""

    def __init__(self, response: Any = None) -> None:
        super().__init__("no answer")
        self.response = response


def ask_hub(
    work: Callable[[HfApi], Answer], repo: str, timeout_seconds: float, upload_bytes: int = 0
) -> Answer:
    """What `work` returns, done with the token of the environment or of the login, within a time limit.

    A request waits `timeout_seconds` at a time, and is tried three times at most. All of it gets twelve
    times as long and the time that `upload_bytes` take on a slow line, even if a server trickles.
    The work is done in a thread, because only so a library that hangs can be left behind.

    Raises:
        PushError: saying what stands in the way, without any token.
    """
    limits = _Limits(timeout_seconds, upload_bytes)
    answer: Future[Answer] = Future()
    with limits.imposed(), _quiet_hub():
        Thread(target=_fulfil, args=(answer, work), daemon=True).start()
        wait([answer], timeout=limits.seconds)
    error = answer.exception() if answer.done() else GaveUp()
    if error is None:
        return answer.result()
    if isinstance(error, PushError):
        raise error from None
    raise PushError(*explained(error, repo, timeout_seconds)) from None


class _Limits:
    """Bounds what the library's own HTTP client does, wherever in the library it is used."""

    def __init__(self, timeout_seconds: float, upload_bytes: int) -> None:
        self.timeout_seconds = timeout_seconds
        self.seconds = _REQUESTS * timeout_seconds + upload_bytes / _SLOWEST_BYTES_PER_SECOND
        self.ends = time.monotonic() + self.seconds
        self.are_over = False
        self.attempts: Counter[tuple[int, str, str]] = Counter()

    @contextlib.contextmanager
    def imposed(self) -> Iterator[None]:
        """Every client the library makes meanwhile is bounded; it makes a new one after some errors."""
        from huggingface_hub import set_client_factory
        from huggingface_hub.utils import _http

        ordinary = _http._GLOBAL_CLIENT_FACTORY

        def bounded() -> Any:
            client: Any = ordinary()
            client.timeout = self.timeout_seconds
            client.send = partial(self._send, client.send)
            return client

        set_client_factory(bounded)
        try:
            yield
        finally:
            self.are_over = True
            set_client_factory(ordinary)

    def _send(self, send: Callable[..., Any], request: Any, **options: Any) -> Any:
        """Send, and let the library try again only while there is time and an attempt left."""
        name = _name(request)
        self.attempts[name] += 1
        is_last = self.attempts[name] >= _ATTEMPTS
        if self.are_over or time.monotonic() > self.ends:
            raise GaveUp
        try:
            response = send(request, **options)
        except Exception as error:
            if is_last:
                raise GaveUp from error
            raise
        if is_last and response.is_error:
            raise GaveUp(response)
        if not response.is_error:
            del self.attempts[name]
        return response


def _name(request: Any) -> tuple[int, str, str]:
    """Equal for the retries of one request: the parts of an upload are sent by threads side by side."""
    return get_ident(), request.method, str(request.url)


def _fulfil(answer: Future[Answer], work: Callable[[HfApi], Answer]) -> None:
    from huggingface_hub import HfApi

    try:
        # True asks for the token of the environment or login, whatever else is set.
        answer.set_result(work(HfApi(token=True, library_name="mlm-pretrain")))
    except BaseException as error:
        answer.set_exception(error)


@contextlib.contextmanager
def _quiet_hub() -> Iterator[None]:
    """No log of the addresses it retries, which are signed; bars on a terminal alone; warnings at the end."""
    from huggingface_hub import utils

    level, hide = utils.logging.get_verbosity(), not sys.stderr.isatty()
    hide = hide and not utils.are_progress_bars_disabled()
    utils.logging.set_verbosity_error()
    if hide:
        utils.disable_progress_bars()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            yield
    finally:
        utils.logging.set_verbosity(level)
        if hide:
            utils.enable_progress_bars()
    for warning in caught:
        say(redacted(str(warning.message)))
