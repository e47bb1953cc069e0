"""In how many directions sentence vectors lie, and how alike they are: whether the representation collapses.

Formula: of the texts' first halves, made 1 long: effective rank (Roy and Vetterli 2007), uniformity (Wang and
    Isola 2020) and the mean cosine of two different texts. Alignment (Wang and Isola 2020) is between the
    two halves of each text. See `objectives/contrastive/collapse.py`.
Views: alignment needs two views of one text. Dropout makes none in models that are trained without it, and a
    text with a token left out is all but the text itself. The halves of a text share what it is about and no
    words, and need neither labels nor draws.

N: texts. H: hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.evaluation.probing.neighbours import unit_rows
from mlm_pretrain.evaluation.probing.vectors import Encoded, encode_ids, sentence_vectors
from mlm_pretrain.evaluation.texts import EvaluationRows, edge_ids
from mlm_pretrain.objectives.contrastive.collapse import measured
from mlm_pretrain.objectives.randomness import row_generator

SHAPE_NAMES = ("effective_rank", "mean_cosine", "uniformity", "alignment")
FEWEST_TEXTS = 16  # in fewer, ranks mean nothing
_SHORTEST_HALF_TOKENS, _LONGEST_HALF_TOKENS = 8, 64
_MOST_ROWS = 8192  # that are looked at for texts long enough


class Halves(NamedTuple):
    """The halves of N texts, number by number."""

    first: Encoded
    second: Encoded
    texts: int


def encode_halves(
    rows: EvaluationRows, tokenizer: Any, count: int, seed: int, room: int | None = None
) -> Halves | None:
    """A sample by `seed` of the texts in `rows`, each cut in two in its middle.

    Args:
        count: texts that are wanted.
        room: tokens the model has positions for, start and end tokens among them.

    Returns:
        None where fewer than `FEWEST_TEXTS` are long enough.
    """
    start, end = edge_ids(tokenizer)
    longest = _LONGEST_HALF_TOKENS
    if room is not None:
        longest = min(longest, room - len(start) - len(end))
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for text in _texts(rows, seed):
        middle = len(text) // 2
        halves = text[max(0, middle - longest) : middle], text[middle : middle + longest]
        if len(halves[0]) >= _SHORTEST_HALF_TOKENS:
            pairs.append((_whole(start, halves[0], end), _whole(start, halves[1], end)))
        if len(pairs) == count:
            break
    if len(pairs) < min(count, FEWEST_TEXTS):
        return None
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    first, second = (encode_ids([pair[n] for pair in pairs], pad) for n in (0, 1))
    return Halves(first, second, len(pairs))


def _texts(rows: EvaluationRows, seed: int) -> Iterator[NDArray[Any]]:
    """The ids of every segment without start and end tokens, rows in an order by `seed`."""
    control = list(rows.control_ids)
    order = row_generator(seed, 0, 0).permutation(len(rows))[:_MOST_ROWS]
    for index in order:
        row = rows.rows[int(index)]
        ids = np.asarray(row["input_ids"])
        lengths = row.get("segment_lengths", (len(ids),))
        for segment in np.split(ids, np.cumsum(lengths)[:-1]):
            yield segment[~np.isin(segment, control)]


def _whole(start: Sequence[int], ids: NDArray[Any], end: Sequence[int]) -> NDArray[np.int64]:
    return np.array([*start, *ids, *end], dtype=np.int64)


def shape_of(
    model: Any, halves: Halves, autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> dict[str, float]:
    """The figures named in `SHAPE_NAMES` of a model in eval mode."""
    first_NH, second_NH = (sentence_vectors(model, part, autocast) for part in halves[:2])
    return shape_figures(first_NH, second_NH)


def shape_figures(first_NH: NDArray[Any], second_NH: NDArray[Any]) -> dict[str, float]:
    """As `shape_of`, of the vectors of the halves (N, H)."""
    unit_NH, other_NH = unit_rows(first_NH), unit_rows(second_NH)
    found = measured(torch.from_numpy(unit_NH), torch.from_numpy(other_NH))
    found["mean_cosine"] = mean_cosine(unit_NH)
    return {name: found[name] for name in SHAPE_NAMES}


def mean_cosine(unit_NH: NDArray[np.float64]) -> float:
    """Of vectors that are 1 long, over all pairs of different ones."""
    count = len(unit_NH)
    total = float(np.square(unit_NH.sum(0)).sum())
    return (total - count) / max(count * (count - 1), 1)
