"""What a fine-tuned model loses on texts with typos, in one case, or without punctuation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perturbations import Change, changes
from mlm_pretrain.evaluation.statistics import drawn_count, scorer
from mlm_pretrain.evaluation.statistics.effect import error_of, examples_reach, resamples_of
from mlm_pretrain.finetune.data import TaggedExample, TextExample
from mlm_pretrain.finetune.pairs import TextPair
from mlm_pretrain.finetune.questions import QuestionExample
from mlm_pretrain.finetune.scoring import open_scorer
from mlm_pretrain.progress import say

RESAMPLES = 2_000
# Texts of one example have places of their own among the random choices.
_TEXTS_AN_EXAMPLE = 10_000


def robustness(
    task: str,
    folder: str | Path,
    data: str,
    *,
    typos: float = 0.1,
    seed: int = 0,
    train: str | None = None,
) -> dict[str, Any]:
    """Score the model that `finetune` saved in `folder` on `data` as it is, and changed in four ways.

    Of tagged sentences the tokens change and their number stays; of questions the context stays, where
    the answers have their places; of texts that are written anew only what is read changes.

    Args:
        typos: share of the words of four letters or more that get one.
        seed: of the typos, and of the resamples.
        train: where the folder's training file lies now, if it was moved.

    Returns:
        `clean` scores, and by name of the change (typos, lower, upper, no_punctuation) its scores, the
        `changed` examples, and the `difference` of `metric` to the clean ones, with the `low` and
        `high` end of its 95 % interval over examples (None for scores that have no intervals).

    Raises:
        InputError: as `score_folder`; for a share outside 0 to 1.
    """
    if not 0 <= typos <= 1:
        raise InputError(f"typos: {typos:g} is no share of words", "give one from 0 to 1")
    opened = open_scorer(task, folder, data, train=train)
    clean, clean_rows = opened.score(opened.examples)
    found: dict[str, Any] = {}
    for name, change in changes(typos, seed).items():
        examples = [perturbed(e, change, place) for place, e in enumerate(opened.examples)]
        scores, rows = opened.score(examples)
        pairs = zip(examples, opened.examples, strict=True)
        low, high = _interval(task, opened.metric, clean_rows, rows, seed)
        found[name] = {
            "scores": scores, "changed": sum(new != old for new, old in pairs),
            "difference": scores[opened.metric] - clean[opened.metric], "low": low, "high": high,
        }  # fmt: skip
        say(f"{name}: {opened.metric} {scores[opened.metric]:.4f}")
    return {
        "task": task, "model": str(folder), "data": data, "metric": opened.metric,
        "examples": len(opened.examples), "typos": typos, "seed": seed, "clean": clean,
        "perturbed": found,
    }  # fmt: skip


def perturbed(example: Any, change: Change, place: int) -> Any:
    """An example of any task whose texts are changed and whose answers stay true.

    Args:
        place: of the example in its file.
    """
    first = place * _TEXTS_AN_EXAMPLE
    if isinstance(example, TaggedExample):
        tokens = [change(token, first + number) for number, token in enumerate(example.tokens)]
        return replace(example, tokens=tokens)
    if isinstance(example, QuestionExample):
        return replace(example, question=change(example.question, first))
    if isinstance(example, TextPair):
        return replace(example, source=change(example.source, first))
    assert isinstance(example, TextExample)
    pair = example.text_pair
    return replace(
        example,
        text=change(example.text, first),
        text_pair=None if pair is None else change(pair, first + 1),
    )


def _interval(
    task: str, metric: str, clean: Sequence[Any], changed: Sequence[Any], seed: int
) -> tuple[float | None, float | None]:
    """Student's interval of the difference, with the error that resampling finds, both forms of each example
    (of questions: of each paragraph) drawn together; see `evaluation.statistics.effect`."""
    try:
        former, later = (scorer(task, metric, rows) for rows in (clean, changed))
    except InputError:
        return None, None
    drawn = drawn_count(clean)
    if drawn < 2:
        return None, None
    parts = [later(w_RD) - former(w_RD) for w_RD in resamples_of(drawn, RESAMPLES, seed)]
    whole_1D = np.ones((1, drawn), np.int64)
    difference = float((later(whole_1D) - former(whole_1D))[0])
    reach = examples_reach(error_of(np.concatenate(parts), drawn), drawn)
    return difference - reach, difference + reach
