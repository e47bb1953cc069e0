"""Texts → JSON lines, as `read_corpus` reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType


class TextFile:
    """A file of `{"text": …}` a line, counted while it is written.

    Attributes:
        documents, bytes: of what was added; bytes are of UTF-8 text.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self.documents = self.bytes = 0

    def add(self, text: str) -> None:
        """One document more."""
        self._file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        self.documents += 1
        self.bytes += len(text.encode())

    @property
    def counts(self) -> dict[str, int]:
        """For a record."""
        return {"documents": self.documents, "bytes": self.bytes}

    def __enter__(self) -> TextFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def write_texts(path: Path, texts: Iterable[str]) -> dict[str, int]:
    """Write all of `texts`; how many documents and bytes that were."""
    with TextFile(path) as file:
        for text in texts:
            file.add(text)
    return file.counts


def read_texts(path: Path) -> Iterator[str]:
    """What `write_texts` wrote, as it was."""
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from (json.loads(line)["text"] for line in file)
