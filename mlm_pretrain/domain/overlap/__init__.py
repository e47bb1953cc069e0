"""Texts of a task's test and validation files within a corpus: found, counted, taken out."""

from __future__ import annotations

from mlm_pretrain.domain.overlap.counting import Overlap
from mlm_pretrain.domain.overlap.finding import find_overlap, without_overlap
from mlm_pretrain.domain.overlap.index import TextIndex
from mlm_pretrain.domain.overlap.texts import (
    HELD_OUT,
    HeldOutText,
    held_out_texts,
    reading_settings,
    texts_of_split,
)

__all__ = [
    "HELD_OUT",
    "HeldOutText",
    "Overlap",
    "TextIndex",
    "find_overlap",
    "held_out_texts",
    "reading_settings",
    "texts_of_split",
    "without_overlap",
]
