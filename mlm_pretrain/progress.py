"""Progress on stderr: how much, how fast, how long still."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

# A terminal redraws one line; a log file gets a line now and then instead of thousands.
LOG_INTERVAL_SECONDS = 15.0


def progress_bar(total: float | None, unit: str, description: str, **kwargs: Any) -> tqdm:
    """A bar on stderr with rate and time left. Use as a context manager and call `.update(n)`."""
    interval = 0.2 if sys.stderr.isatty() else LOG_INTERVAL_SECONDS
    return tqdm(
        total=total, unit=unit, desc=description, file=sys.stderr, mininterval=interval,
        maxinterval=interval, dynamic_ncols=sys.stderr.isatty(), **kwargs,
    )  # fmt: skip


def track(
    items: Iterable[Item], unit: str, description: str, total: int | None = None
) -> Iterator[Item]:
    """Yield `items` while a bar counts them."""
    with progress_bar(total, unit, description) as bar:
        for item in items:
            yield item
            bar.update(1)


def say(message: str) -> None:
    """One line on stderr that leaves a running bar intact."""
    tqdm.write(message, file=sys.stderr)
