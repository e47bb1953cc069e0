"""What a gain is worth in labels: with how many an adapted model comes to the base's score with all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import Scorer, labels_saved


def checked_counts(label_counts: Sequence[int], available: Mapping[str, int]) -> list[int]:
    """The numbers of labels in order, each once.

    Args:
        available: labels of each task.

    Raises:
        InputError: for a number that is none, or that some task does not have more of.
    """
    counts = sorted(set(label_counts))
    if counts and counts[0] < 1:
        raise InputError(f"labels: {counts[0]}", "give numbers from 1 up")
    for task, labels in available.items():
        if counts and counts[-1] >= labels:
            raise InputError(
                f"{task} has {labels:,} labels, so its score with {counts[-1]:,} is no score with few",
                f"give numbers below {labels:,}",
            )
    return counts


def reached(
    base: Sequence[Scorer],
    curve: Mapping[int, Sequence[Scorer]],
    drawn: int,
) -> dict[str, Any]:
    """With how many labels the curve's model has the base's score with all of them.

    Args:
        base: scorers of the base with all labels, one a seed.
        curve: the adapted model's, by number of labels; the last has all.
        drawn: examples of the scored split, or what they were drawn as.

    Returns:
        `labels`, and its 95 % interval `low` to `high`; `not_reached` (likewise `low_not_reached`,
        `high_not_reached`): not even with all, which the number then is; `at_most` (likewise `low_at_most`,
        `high_at_most`): the score is no more than the curve has with its fewest, so no more are needed.
    """
    everything, fewest = max(curve), min(curve)
    (saving,) = labels_saved({everything: base}, curve, drawn)
    labels, low, high = (
        round(everything * factor) for factor in (saving.factor, saving.low, saving.high)
    )
    return {
        "of": everything, "labels": labels, "low": low, "high": high, "fewest": fewest,
        "not_reached": saving.is_bound, "low_not_reached": saving.low_is_bound,
        "high_not_reached": saving.high_is_bound, "at_most": saving.is_below,
        "low_at_most": saving.low_is_below, "high_at_most": saving.high_is_below,
    }  # fmt: skip


def reached_text(found: Mapping[str, Any]) -> str:
    """`about 310 labels (180 to 640) of 1,000`."""
    everything, fewest = found["of"], found["fewest"]
    if found["at_most"]:
        return f"{fewest:,} labels or fewer, of {everything:,}"
    if found["not_reached"]:
        return f"not with all {everything:,}"
    low, high = (_end_text(found, end) for end in ("low", "high"))
    return f"about {found['labels']:,} labels ({low} to {high}), of {everything:,}"


def _end_text(found: Mapping[str, Any], end: str) -> str:
    """Of the interval. Of before, it is not said whether an end is the fewest labels or less than these."""
    if found[f"{end}_not_reached"]:
        return f"more than {found['of']:,}"
    is_at_most = found.get(f"{end}_at_most", found[end] <= found["fewest"])
    return f"{found[end]:,}{' or fewer' if is_at_most else ''}"
