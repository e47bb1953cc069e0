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

from mlm_pretrain.modeling.last_layer import Trimming, fitting, is_same, trimmed

_ROWS, _LENGTH = 3, 7
_TOLERANCE = 1e-4  # of the largest logit


@contextmanager
def for_first_token(trimming: Trimming | None, ids_BL: torch.Tensor) -> Iterator[None]:
    """Inside, the last layer computes its feed-forward part for the first token of each row alone."""
    if trimming is None:
        yield
        return
    rows, length = ids_BL.shape
    first_B = torch.arange(rows, device=ids_BL.device) * length
    with trimmed(trimming, first_B, one_a_row=True):
        yield


def plan_first_token(model: Any) -> Trimming | None:
    """What may be left out of a classifier's last layer; None where its answers need it."""
    if not type(model).__name__.endswith("ForSequenceClassification"):
        return None
    # A proof by short rows would turn it off for good.
    if getattr(model.config, "attention_type", "") == "block_sparse":
        return None
    return fitting(model, _changes_nothing)


def _changes_nothing(model: Any, trimming: Trimming) -> bool:
    inputs = _rows_of(model)
    whole = model(**inputs)["logits"]
    with for_first_token(trimming, inputs["input_ids"]):
        states = model.base_model(**inputs)[0]
        found = model(**inputs)["logits"]
    with _disturbed(trimming.module):
        disturbed = whole if trimming.way == "after" else model(**inputs)["logits"]
    # Where the residual is added behind it, the token is spread over its row again.
    is_left_out = trimming.way == "within" or states.shape[1] == 1
    is_told = not torch.equal(whole[0], whole[1])  # a head of zeros would not tell
    same = all(is_same(other, whole, _TOLERANCE) for other in (found, disturbed))
    return is_left_out and is_told and same


def _rows_of(model: Any) -> dict[str, torch.Tensor]:
    """Rows at random, one of them padded."""
    generator = torch.Generator().manual_seed(0)
    shape = (_ROWS, _LENGTH)
    ids_BL = torch.randint(model.config.vocab_size, shape, generator=generator)
    mask_BL = torch.ones(shape, dtype=torch.int64)
    mask_BL[1, _LENGTH // 2 :] = 0
    return {"input_ids": ids_BL.to(model.device), "attention_mask": mask_BL.to(model.device)}


@contextmanager
def _disturbed(module: torch.nn.Module) -> Iterator[None]:
    """Inside, what the module makes of all tokens of a row but the first is another."""

    def hook(_module: Any, _given: Any, output: torch.Tensor) -> torch.Tensor:
        width = output.shape[-1]
        noise = torch.linspace(-1, 1, width, device=output.device).expand_as(output).clone()
        noise[:, 0] = 0
        return output + noise

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
