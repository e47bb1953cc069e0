"""Beside an example another row, for objectives that take text from another document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.randomness import row_generator
from mlm_pretrain.objectives.rows import segment_documents

_PARTNER_STREAM = 0x70_61_69_72  # sets these draws apart from those of masks
# A document that fills most rows may leave its own without a partner; they then have nothing to compare.
_TRIES = 16


def drawn_partner(dataset: Any, seed: int, example: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row drawn from (seed, epoch, example), whatever batch the example is in.

    It is drawn anew until one holds a document that the example does not; which segments are of another
    document than one's own has to be looked up all the same.
    """
    rng = row_generator(seed ^ _PARTNER_STREAM, int(example["epoch"]), int(example["example"]))
    own = set(segment_documents(example).tolist())
    for _ in range(_TRIES):
        row: Mapping[str, Any] = dataset[int(rng.integers(len(dataset)))]
        if not own.issuperset(segment_documents(row).tolist()):
            break
    return row


def require_documents(dataset: Any) -> None:
    """Raise InputError where rows do not say of which documents they are, or all are of the same one."""
    found: set[int] = set()
    for number in range(len(dataset)):
        found.update(segment_documents(dataset[number]).tolist())
        if len(found) > 1:
            return
    raise InputError(
        "all rows are of one document, and text of another is needed",
        "prepare a text of several: see text_unit for how files are cut into documents",
    )
