"""Texts longer than the model: windows that share tokens, or a text cut short.

N texts, W windows of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def in_windows(
    first: Sequence[str],
    second: Sequence[str] | None,
    tokenizer: Any,
    max_length: int,
    stride: int,
    **more: bool,
) -> Any:
    """Model inputs (W rows, each at most `max_length` tokens); of pairs the second text is divided.

    `overflow_to_sample_mapping` of the result says which text a window is of.

    Args:
        stride: tokens that two neighbouring windows share.
        more: of the tokenizer, such as `return_offsets_mapping`.
    """
    divided = "only_first" if second is None else "only_second"
    return tokenizer(
        list(first), None if second is None else list(second), truncation=divided,
        max_length=max_length, stride=stride, verbose=False, return_overflowing_tokens=True, **more,
    )  # fmt: skip


def shortened(texts: Sequence[str], tokenizer: Any, limit: int) -> tuple[list[str], int]:
    """The texts, cut behind the token `limit` where they have more, and how many of them were cut."""
    rows = tokenizer(
        list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    found = [
        text[: offsets[limit - 1][1]] if len(offsets) > limit else text
        for text, offsets in zip(texts, rows["offset_mapping"], strict=True)
    ]
    return found, sum(len(offsets) > limit for offsets in rows["offset_mapping"])
