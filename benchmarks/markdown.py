"""Tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may hold bars."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [escaped[0], ["---"] * len(head), *escaped[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
