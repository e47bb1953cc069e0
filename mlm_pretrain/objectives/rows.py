"""Examples → padded arrays that keep the borders of the segments packed into each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.errors import InputError

# Rows are padded to a multiple of this, so that few different shapes occur.
LENGTH_MULTIPLE = 8
# Under this name an example holds another row (see `Objective.needs_partner`).
PARTNER = "partner"
SEGMENTS = "segment_lengths"  # of what is packed into it


def stack_rows(rows: Sequence[NDArray[Any]], length: int, fill: int) -> NDArray[np.int64]:
    """Pad rows with `fill` to (B, length), int64."""
    out_BL = np.full((len(rows), length), fill, dtype=np.int64)
    for out_L, row in zip(out_BL, rows, strict=True):
        out_L[: len(row)] = row
    return out_BL


def padded_length(rows: Sequence[NDArray[Any]]) -> int:
    """The longest row's length, rounded up to the padding multiple."""
    longest = max(len(row) for row in rows)
    return -(-longest // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def row_ids(example: Mapping[str, Any]) -> NDArray[np.int64]:
    """The input ids of an example without its padding, as int64 (T)."""
    return without_padding(example, "input_ids")


def without_padding(example: Mapping[str, Any], name: str) -> NDArray[np.int64]:
    """What an example has for each of its tokens, as int64 (T)."""
    values = np.asarray(example[name], dtype=np.int64)
    mask = example.get("attention_mask")
    return values if mask is None else values[np.asarray(mask, dtype=bool)]


def reworked(example: Mapping[str, Any], place: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """An example with its ids (and more) changed, and without padding; draws go on from where it stood.

    Args:
        place: (epoch, example) of the text as it was.
        changes: `input_ids`, and `segment_lengths` where these are others.
    """
    kept = {k: v for k, v in example.items() if k not in ("attention_mask", PARTNER)}
    return {**kept, **changes, "epoch": place[0], "example": place[1]}


def segment_lengths(example: Mapping[str, Any], length: int) -> NDArray[np.int64]:
    """Lengths of the segments packed into an example; one segment where none are given."""
    given = example.get(SEGMENTS)
    return np.asarray([length] if given is None else given, dtype=np.int64)


def segment_documents(example: Mapping[str, Any]) -> NDArray[np.int64]:
    """The key of each segment's document; segments with different keys are of different documents.

    Raises:
        InputError: where the example does not say.
    """
    given = example.get("segment_document")
    if given is None:
        raise InputError(
            "the rows do not say which document their text is of",
            "prepare the text again, or give rows of your own a column segment_document: a number for each "
            "segment, or for a row of one text",
        )
    return np.atleast_1d(np.asarray(given, dtype=np.int64))


def layout(lengths: Sequence[NDArray[np.int64]], length: int) -> dict[str, NDArray[np.int64]]:
    """How rows are laid out, for the model.

    Returns:
        For rows of one segment each, `attention_mask` (B, L). For packed rows `segment_ids` (B, L),
        counting from 1 with 0 for padding, and `position_ids` (B, L), restarting in each segment.
    """
    if all(len(row) == 1 for row in lengths):
        is_token_BL = np.arange(length) < np.concatenate(lengths)[:, None]
        return {"attention_mask": is_token_BL.astype(np.int64)}
    return packed_layout(lengths, length)


def packed_layout(
    lengths: Sequence[NDArray[np.int64]], length: int
) -> dict[str, NDArray[np.int64]]:
    """`layout` of packed rows, also where none holds more than one segment."""
    segments = [np.repeat(np.arange(1, len(row) + 1), row) for row in lengths]
    positions = [np.concatenate([np.arange(n) for n in row]) for row in lengths]
    return {
        "segment_ids": stack_rows(segments, length, 0),
        "position_ids": stack_rows(positions, length, 0),
    }
