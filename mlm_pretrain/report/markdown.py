"""Blocks as Markdown has them, without drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlm_pretrain.report.blocks import Block, Bullets, Code, Drawing, Heading, Paragraph, Table


def document(title: str, blocks: Iterable[Block]) -> str:
    """A whole file."""
    parts = [_block(block) for block in blocks if not isinstance(block, Drawing)]
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may hold bars."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [escaped[0], ["---"] * len(head), *escaped[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {text}"
        case Paragraph(text, kind):
            return f"**{text}**" if kind == "lead" else text
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(text):
            return f"```\n{text}\n```" if "\n" in text or "`" in text else f"`{text}`"
        case Table(head, rows, caption):
            table = markdown_table(head, rows)
            return f"{caption}\n\n{table}" if caption else table
        case Drawing():
            return ""
