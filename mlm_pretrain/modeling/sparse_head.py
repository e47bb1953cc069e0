"""The loss of the predicted positions alone, whatever the head is called.

A masked-LM head costs as much as several layers, and most of its rows are thrown away. Keeping only
the predicted rows of the encoder's output before the head sees them serves every architecture by one
mechanism, since all of them pass `last_hidden_state` from base model to head. It works under
DistributedDataParallel too, because the wrapped model is still called as a whole.

Two things go further where a model shows that they change nothing (`plan_head`): the last layer's
feed-forward part sees the predicted tokens alone (`last_layer.py`), and an output layer that is a plain
linear one computes the loss in its place (`vocabulary_loss.py`), so that the scores never exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from mlm_pretrain.modeling.compilation import is_compiled
from mlm_pretrain.modeling.last_layer import Trimming, fitting, is_same, rows_at, trimmed
from mlm_pretrain.modeling.layers import writes_what_it_reads
from mlm_pretrain.modeling.shapes import SHARES, compiles_by_shape, round_rows
from mlm_pretrain.modeling.vocabulary_loss import chunked_cross_entropy

_TOLERANCE = 1e-5  # of the largest score


class HeadPlan(NamedTuple):
    """What may be left out of a model's forward pass (see `plan_head`), and what may not.

    Attributes:
        is_plain: the output layer can compute the loss itself.
        trimming: what the last layer may leave out.
        shares: so that shapes repeat, tokens are filled up with padding to a whole share of the rows, a
            1/shares, and those predicted with some that nobody predicts. 1: all padding is computed, 0: none.
        parts: plans of the models beside this one, by their names among its `pretraining_heads`.
    """

    is_plain: bool = False
    trimming: Trimming | None = None
    shares: int = 0
    parts: Mapping[str, Any] = MappingProxyType({})

    def without_trimming(self) -> HeadPlan:
        """All layers whole, here and in the parts."""
        parts = {name: plan.without_trimming() for name, plan in self.parts.items()}
        return self._replace(trimming=None, parts=parts)


@contextmanager
def predict_only(
    model: torch.nn.Module, positions_P: torch.Tensor, trimming: Trimming | None = None
) -> Iterator[list[torch.Tensor]]:
    """Inside, `model(**inputs).logits` is (1, P, V): the scores at flat `positions_P` of B·L.

    The list that it gives then holds the hidden states (1, P, H) they were made from.

    Args:
        model: the unwrapped Hugging Face model with a language-modelling head.
        positions_P: int64, on the model's device, each once; of what the decoder writes where there are two.
        trimming: what its last layer may leave out.
    """

    def keep_predicted(_module: Any, _arguments: Any, output: Any) -> Any:
        hidden_BLH = output[0]
        # Rows that the last layer dropped are gone already.
        is_kept = hidden_BLH.shape[:-1].numel() == len(positions_P) and trimming is not None
        kept_1PH = hidden_BLH if is_kept else rows_at(hidden_BLH, positions_P)
        states.append(kept_1PH)
        if isinstance(output, tuple):
            return (kept_1PH, *output[1:])
        output.last_hidden_state = kept_1PH
        return output

    states: list[torch.Tensor] = []
    stack = model.get_decoder() if writes_what_it_reads(model) else model.base_model
    handle = stack.register_forward_hook(keep_predicted)
    try:
        with trimmed(trimming, positions_P):
            yield states
    finally:
        handle.remove()


class HeadLoss:
    """What the output layer computed in place of scores: the summed loss, once the model was called.

    Attributes:
        nats_P: the loss of each token, without a gradient.
        scores: a slice of the tokens → their scores, computed anew, without a gradient.
    """

    def __init__(self) -> None:
        self.total: torch.Tensor | None = None
        self.nats_P: torch.Tensor | None = None
        self.scores: Any = None

    def take(self, total: torch.Tensor, rows: torch.Size) -> torch.Tensor:
        """Keep the loss, and return a view of it in the shape of scores over a vocabulary of one.

        It is a view so that DistributedDataParallel finds the way from the model's output to its weights.
        """
        self.total = total
        return total.expand(*rows, 1)

    def stands_for(self, logits: torch.Tensor) -> bool:
        """Whether the model returned what its output layer gave, with nothing done to it after."""
        return self.total is not None and logits.data_ptr() == self.total.data_ptr()


@contextmanager
def loss_in_head(
    model: torch.nn.Module, targets_P: torch.Tensor, weights_P: torch.Tensor | None = None
) -> Iterator[HeadLoss]:
    """Inside, the model's output layer computes the summed loss of `targets_P` instead of scores.

    They belong to the first P rows it is given; rows behind those count for nothing.
    The model's `logits` are then a view of the loss, which shows whether anything stands behind the layer.
    """
    layer, loss = model.get_output_embeddings(), HeadLoss()

    def forward(hidden_1PH: torch.Tensor) -> torch.Tensor:
        hidden_QH = hidden_1PH.flatten(0, -2)
        if torch.is_autocast_enabled(hidden_QH.device.type):
            hidden_QH = hidden_QH.to(torch.get_autocast_dtype(hidden_QH.device.type))
        hidden_QH = hidden_QH[: round_rows(len(targets_P), len(hidden_QH), hidden_QH)]
        found = chunked_cross_entropy(hidden_QH, layer.weight, layer.bias, targets_P, weights_P)
        loss.nats_P = found.nats_P
        loss.scores = partial(_scores, hidden_QH.detach()[: len(targets_P)], layer)
        return loss.take(found.total, hidden_1PH.shape[:-1])

    layer.forward = forward
    try:
        yield loss
    finally:
        del layer.forward


def _scores(hidden_PH: torch.Tensor, layer: Any, rows: slice) -> torch.Tensor:
    bias = None if layer.bias is None else layer.bias.detach()
    with torch.autocast(hidden_PH.device.type, enabled=False):
        kind = hidden_PH.dtype
        return torch.nn.functional.linear(
            hidden_PH[rows], layer.weight.detach().to(kind), None if bias is None else bias.to(kind)
        )


def plan_head(model: torch.nn.Module, dtype: torch.dtype = torch.float32) -> HeadPlan:
    """What may be left out, shown on a few tokens; the model's mode and the generators are left alone.

    Args:
        dtype: that products will be computed in.
    """
    generator = getattr(getattr(model, "pretraining_heads", None), "generator", None)
    parts = {} if generator is None else {"generator": plan_head(generator, dtype)}
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            found = None if writes_what_it_reads(model) else fitting(model, _changes_nothing)
            return HeadPlan(_has_plain_head(model), found, _shares(model, dtype), parts)
    finally:
        model.train(was_training)


def _shares(model: torch.nn.Module, dtype: torch.dtype) -> int:
    if is_compiled(model):
        return 1
    device = next(model.parameters()).device.type
    return SHARES if compiles_by_shape(device, dtype) else 0


def _has_plain_head(model: Any) -> bool:
    """Whether the model's scores are exactly what a linear output layer gives.

    Models that scale or cap their scores, or have no such layer, need the scores themselves.
    """
    layer = getattr(model, "get_output_embeddings", lambda: None)()
    if type(layer) is not torch.nn.Linear or "forward" in vars(layer):
        return False
    ids = _few_ids(model)
    written = {"decoder_input_ids": ids} if writes_what_it_reads(model) else {}
    try:
        with loss_in_head(model, ids[0]) as loss:
            return loss.stands_for(model(input_ids=ids, **written).logits)
    except (RuntimeError, ValueError, TypeError, AttributeError):
        return False  # something stands between that expects scores


def _changes_nothing(model: Any, trimming: Trimming) -> bool:
    ids = _few_ids(model)
    positions_P = torch.tensor([1, 4], device=ids.device)
    with predict_only(model, positions_P):
        expected = model(input_ids=ids).logits
    with predict_only(model, positions_P, trimming):
        found = model(input_ids=ids).logits
    return is_same(found, expected, _TOLERANCE)


def _few_ids(model: torch.nn.Module) -> torch.Tensor:
    return torch.arange(6, device=next(model.parameters()).device)[None]
