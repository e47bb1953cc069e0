"""How a benchmark ends that cannot use what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlm_pretrain.errors import InputError


@contextmanager
def refusals() -> Iterator[None]:
    """Ends the command with what an `InputError` says."""
    try:
        yield
    except InputError as error:
        raise SystemExit(str(error)) from None
