"""Readers that do what none may do, for the processes that have to notice."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable


def numbered(number: int) -> int:
    return number


def hang() -> str:
    while True:
        pass


def hang_where_no_signal_arrives() -> str:
    return str(sum(itertools.repeat(0)))


def fill_the_memory() -> str:
    return str(len([bytes([1]) * (1 << 20) for _ in range(1 << 20)]))


def take_a_little_too_much() -> str:
    return str(len(bytes([1]) * (96 << 20)))


def fail() -> str:
    raise KeyError("tokens")


def end() -> str:
    os._exit(3)


def read() -> str:
    return "documents"


READERS: list[Callable[[], str]] = [
    read, hang, fail, fill_the_memory, take_a_little_too_much, hang_where_no_signal_arrives, read, end,
    read,
]  # fmt: skip


def work(number: int) -> str:
    return READERS[number]()
