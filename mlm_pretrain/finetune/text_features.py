"""Texts and pairs of texts as model inputs, whatever their labels are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.batching import Feature, inputs_of, rows_within
from mlm_pretrain.finetune.data import TextExample


def text_features(
    examples: Sequence[TextExample],
    labels: Sequence[np.ndarray],
    tokenizer: Any,
    names: tuple[str, ...],
    max_length: int,
    counts: Counter[str],
) -> list[Feature]:
    """One feature an example; the texts that had to be cut are counted."""
    rows, cut = rows_within(partial(_tokenise, tokenizer), examples, max_length)
    counts["cut_texts"] += cut
    return [Feature(inputs_of(rows, i, names), label, i) for i, label in enumerate(labels)]


def _tokenise(tokenizer: Any, examples: Sequence[TextExample], limits: dict[str, Any]) -> Any:
    texts = [example.text for example in examples]
    paired = examples[0].text_pair is not None
    pairs = [example.text_pair for example in examples] if paired else None
    return tokenizer(texts, pairs, verbose=False, **limits)


def check_paired(paired: bool, examples: Sequence[TextExample], spec: str, train: str) -> None:
    """Refuse pairs in one file and single texts in another."""
    if paired != (examples[0].text_pair is not None):
        raise InputError(
            f"{spec}: pairs of texts here or in {train}, but not in both", "set text_pair_field"
        )


def shown_texts(example: TextExample) -> dict[str, Any]:
    """The texts as a row of predictions shows them."""
    if example.text_pair is None:
        return {"text": example.text}
    return {"text": example.text, "text_pair": example.text_pair}
