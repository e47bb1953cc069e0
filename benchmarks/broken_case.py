"""One broken input: files, and how a user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """Files by name, to be written to an empty folder, and how they are read.

    `spec` is what the user names: the first file unless said otherwise. `settings` are those of the
    corpus reader or of fine-tuning; `links` are symbolic ones by name.
    """

    files: dict[str, bytes]
    settings: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    spec: str | None = None

    @property
    def first(self) -> str:
        """The name of the file that is broken."""
        return next(iter(self.files))

    def write(self, folder: Path) -> None:
        """Put everything where it belongs."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, target in self.links.items():
            (folder / name).symlink_to(target)


Maker = Callable[[Random], Case]
