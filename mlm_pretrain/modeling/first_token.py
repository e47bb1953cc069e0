"""Classifiers that read a row's first token: the last layer's feed-forward part for that token alone.

It is two thirds of the products of a layer: a ninth of a model of six. Not every classifier reads only its
first token, so whether the answer stays the same is seen on the model itself.

B rows of L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from mlm_pretrain.modeling.last_layer import Trimming, candidates, trimmed

_ROWS, _LENGTH = 3, 7
_TOLERANCE = 1e-4  # of logits


@contextmanager
def for_first_token(trimming: Trimming | None, ids_BL: torch.Tensor) -> Iterator[None]:
    """Inside, the last layer computes its feed-forward part for the first token of each row alone."""
    rows, length = ids_BL.shape
    first_B = torch.arange(rows, device=ids_BL.device) * length
    with trimmed(trimming, first_B, one_a_row=True):
        yield


@torch.no_grad()
def plan_first_token(model: Any) -> Trimming | None:
    """What may be left out of a classifier's last layer; None where its answers need it."""
    if not type(model).__name__.endswith("ForSequenceClassification"):
        return None
    was_training = model.training
    model.eval()
    try:
        return next((found for found in candidates(model) if _changes_nothing(model, found)), None)
    finally:
        model.train(was_training)


def _changes_nothing(model: Any, trimming: Trimming) -> bool:
    generator = torch.Generator().manual_seed(0)
    shape = (_ROWS, _LENGTH)
    ids_BL = torch.randint(model.config.vocab_size, shape, generator=generator)
    mask_BL = torch.ones(shape, dtype=torch.int64)
    mask_BL[1, _LENGTH // 2 :] = 0
    inputs = {"input_ids": ids_BL.to(model.device), "attention_mask": mask_BL.to(model.device)}
    whole = model(**inputs)["logits"]
    try:
        with for_first_token(trimming, inputs["input_ids"]):
            states = model.base_model(**inputs)[0]
            found = model(**inputs)["logits"]
    except (RuntimeError, IndexError, ValueError):  # it reads more tokens than are left
        return False
    # Where the residual is added behind it, the token is spread over its row again.
    is_left_out = trimming.way == "within" or states.shape[1] == 1
    is_equal = found.shape == whole.shape and torch.allclose(found, whole, atol=_TOLERANCE)
    return is_left_out and is_equal
