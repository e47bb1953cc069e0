"""A task of any kind with the rows that a test names, and what is left of texts that may hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document
from mlm_pretrain.domain.overlap import Overlap, TextIndex, held_out_texts, without_overlap

Rows = list[dict[str, Any]]


def write_rows(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def task_of(folder: Path, kind: str, rows: Rows) -> LabelledTask:
    """A task whose validation file holds `rows`."""
    validation = write_rows(folder / "validation.jsonl", rows)
    return LabelledTask("planted", kind, {"train": "none", "validation": validation})


def cleaned(task: LabelledTask, texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """What is left of each text, and the record."""
    documents = [Document(text, f"corpus:{number}") for number, text in enumerate(texts)]
    overlap = Overlap(TextIndex(held_out_texts(task)))
    left = [text for _, text in without_overlap(lambda: documents, overlap)]
    return left, overlap.as_dict()
