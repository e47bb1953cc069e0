"""What an example of any docs task is, before the splits are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a task's file.

    Attributes:
        row: What is written as JSON.
        passage: The text that must not appear on another side of a split.
        label: The class, for tasks that are balanced by class; otherwise "".
    """

    row: dict[str, Any]
    passage: str
    label: str = ""
