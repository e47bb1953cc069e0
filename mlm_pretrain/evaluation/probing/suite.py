"""All probes of a training, made ready once and asked again and again of a model that changes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.evaluation.minimal_pairs import Pair
from mlm_pretrain.evaluation.probing.grammar import grammar_score
from mlm_pretrain.evaluation.probing.linear import linear_score, pair_features
from mlm_pretrain.evaluation.probing.neighbours import neighbour_score
from mlm_pretrain.evaluation.probing.shape import Halves, shape_of
from mlm_pretrain.evaluation.probing.similarity import similarity_score
from mlm_pretrain.evaluation.probing.tasks import LabelledText, ProbeTask
from mlm_pretrain.evaluation.probing.vectors import (
    LONGEST_TOKENS,
    Encoded,
    encode_texts,
    sentence_vectors,
)
from mlm_pretrain.modeling.compilation import as_written

LINEAR, NEIGHBOURS, SIMILARITY, GRAMMAR = "linear", "neighbours", "similarity", "blimp"
Autocast = Callable[[], AbstractContextManager[Any]]


class EncodedRows(NamedTuple):
    """The rows of one split of a task, as ids; `second` where they are pairs."""

    first: Encoded
    second: Encoded | None
    labels: list[Any]


class EncodedTask(NamedTuple):
    """A task as ids; without `train` where nothing is fitted."""

    name: str
    train: EncodedRows | None
    validation: EncodedRows


def encode_task(
    task: ProbeTask, tokenizer: Any, longest_tokens: int = LONGEST_TOKENS
) -> EncodedTask:
    """Its texts as the tokenizer has them, cut off behind `longest_tokens`."""
    train = _encoded(task.train, tokenizer, longest_tokens) if task.train else None
    return EncodedTask(task.name, train, _encoded(task.validation, tokenizer, longest_tokens))


def _encoded(rows: Sequence[LabelledText], tokenizer: Any, longest: int) -> EncodedRows:
    first = encode_texts(tokenizer, [row.text for row in rows], longest)
    pairs = [row.pair for row in rows if row.pair is not None]
    second = encode_texts(tokenizer, pairs, longest) if pairs else None
    return EncodedRows(first, second, [row.label for row in rows])


class Suite(NamedTuple):
    """What a model is asked.

    Attributes:
        tasks: labelled sets.
        pairs: minimal pairs; none where there are none, or the model cannot score sentences.
        halves: texts whose vectors are looked at as such; None where there are too few.
        is_causal: whether a sentence is likely by its tokens' left, or by each one masked.
        autocast: what the passes run in.
    """

    tokenizer: Any
    tasks: list[EncodedTask]
    pairs: list[Pair]
    halves: Halves | None
    is_causal: bool = False
    autocast: Autocast = nullcontext

    def score(self, model: Any) -> dict[str, float]:
        """Scores in percent as TASK/linear, TASK/neighbours or TASK/similarity, with the means over the
        tasks as linear and neighbours; blimp; and the figures of `shape_of`.

        The model is left as it was found, each part in its own mode; no gradient is made.
        """
        with as_used(model):
            found = task_scores(model, self.tasks, self.autocast)
            if self.pairs:
                with self.autocast():
                    found[GRAMMAR] = grammar_score(
                        model, self.tokenizer, self.pairs, self.is_causal
                    )
            if self.halves is not None:
                found |= shape_of(model, self.halves, self.autocast)
        return found


def task_scores(
    model: Any, tasks: Sequence[EncodedTask], autocast: Autocast = nullcontext
) -> dict[str, float]:
    """Those of every task, and of several the means."""
    found: dict[str, float] = {}
    for task in tasks:
        found |= {f"{task.name}/{kind}": x for kind, x in _scores(model, task, autocast).items()}
    for kind in (LINEAR, NEIGHBOURS):
        of_kind = [x for name, x in found.items() if name.endswith(f"/{kind}")]
        if of_kind:
            found[kind] = float(np.mean(of_kind))
    return found


def _scores(model: Any, task: EncodedTask, autocast: Autocast) -> dict[str, float]:
    tested, labels = _features(model, task.validation, autocast), task.validation.labels
    if task.train is None:
        first, second = tested
        return {SIMILARITY: similarity_score(first, second, labels)}
    fitted = pair_features(*_features(model, task.train, autocast)), task.train.labels
    asked = pair_features(*tested), labels
    return {LINEAR: linear_score(*fitted, *asked), NEIGHBOURS: neighbour_score(*fitted, *asked)}


def _features(model: Any, rows: EncodedRows, autocast: Autocast) -> tuple[NDArray[np.float32], Any]:
    """Vectors (N, H) of the texts, and of the second ones of pairs or None."""
    first = sentence_vectors(model, rows.first, autocast)
    second = None if rows.second is None else sentence_vectors(model, rows.second, autocast)
    return first, second


@contextmanager
def as_used(model: Any) -> Iterator[None]:
    """Within it `model` is as after its training: in eval mode, without gradients, not compiled anew for
    these shapes. Afterwards each of its parts is in the mode that it was in."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), as_written(model):
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def score_names(tasks: Sequence[ProbeTask], has_pairs: bool) -> list[str]:
    """The scores that say which of two models is better: the more the better, in percent."""
    names: list[str] = []
    for task in tasks:
        kinds = (SIMILARITY,) if task.is_similarity else (LINEAR, NEIGHBOURS)
        names += [f"{task.name}/{kind}" for kind in kinds]
    if any(not task.is_similarity for task in tasks):
        names += [LINEAR, NEIGHBOURS]
    return [*names, *([GRAMMAR] if has_pairs else [])]
