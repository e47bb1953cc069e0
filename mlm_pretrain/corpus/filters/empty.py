"""Drop documents without anything but whitespace."""

from __future__ import annotations

from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.options import ReadOptions


class Empty:
    """Always on: an empty document would teach nothing and cost a row."""

    def __init__(self, options: ReadOptions) -> None:
        del options

    def __call__(self, document: Document) -> tuple[bool, str]:
        return bool(document.text) and not document.text.isspace(), "empty"
