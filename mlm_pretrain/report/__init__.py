"""Pages of tables and drawings, written from results: Markdown, and HTML that opens without a network."""

from __future__ import annotations

from mlm_pretrain.report.blocks import (
    Block,
    Bullets,
    Code,
    Drawing,
    Heading,
    Paragraph,
    Table,
)
from mlm_pretrain.report.html import page
from mlm_pretrain.report.markdown import document, markdown_table

__all__ = [
    "Block",
    "Bullets",
    "Code",
    "Drawing",
    "Heading",
    "Paragraph",
    "Table",
    "document",
    "markdown_table",
    "page",
]
