"""The last layer's feed-forward part for the predicted tokens alone.

What the last layer makes of a token that is not predicted is read by nobody: attention is behind it, only
the head before it. At a mask ratio of 30 % that is 70 % of its feed-forward part, a tenth of all products in
a model of four layers; of a classifier that reads the first token, all but one. Two ways lead there, by where
an architecture adds the residual; whether one is right for a model is shown on the model itself
(`sparse_head.plan_head`, `first_token.plan_first_token`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch

from mlm_pretrain.modeling.compilation import is_compiled
from mlm_pretrain.modeling.layers import layers_of, matrix_weights


class Trimming(NamedTuple):
    """Where rows are dropped in the last layer.

    Attributes:
        module: the part of it that is hooked.
        way: "after" keeps the predicted rows of its output, which is all that the rest of the layer reads;
            "within" gives it the predicted rows only and fills the others with zeros, for the residual.
        weights: numbers in the matrices that meet the predicted tokens alone.
    """

    module: torch.nn.Module
    way: Literal["after", "within"]
    weights: int


# Names of the part in a layer, by the shape of the architecture, and the way that fits.
_PARTS: tuple[tuple[str, Literal["after", "within"]], ...] = (
    ("mlp", "within"),  # normalised before: ModernBERT, Llama, GPT-2 and most others
    ("attention", "after"),  # normalised after, in attention itself: BERT, RoBERTa, ELECTRA
    ("sa_layer_norm", "after"),  # DistilBERT
)


@contextmanager
def trimmed(
    trimming: Trimming | None, positions_P: torch.Tensor, one_a_row: bool = False
) -> Iterator[None]:
    """Inside, the last layer computes its feed-forward part at `positions_P` (flat, of B · L) alone.

    Args:
        one_a_row: whether there is one position in each row; what is left then is (B, 1, H), else (1, P, H).
    """
    if trimming is None:
        yield
        return
    handles = []
    if trimming.way == "after":
        handles.append(trimming.module.register_forward_hook(_keep(positions_P, one_a_row)))
    else:
        shapes: list[torch.Size] = []
        handles.append(trimming.module.register_forward_pre_hook(_select(positions_P, shapes)))
        handles.append(trimming.module.register_forward_hook(_fill(positions_P, shapes)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def rows_at(states_BLH: torch.Tensor, positions_P: torch.Tensor) -> torch.Tensor:
    """The rows (1, P, H) at flat positions."""
    return states_BLH.flatten(0, 1).index_select(0, positions_P).unsqueeze(0)


def _keep(positions_P: torch.Tensor, one_a_row: bool) -> Any:
    def kept(states_BLH: torch.Tensor) -> torch.Tensor:
        rows = rows_at(states_BLH, positions_P)
        return rows.transpose(0, 1) if one_a_row else rows

    def hook(_module: Any, _arguments: Any, output: Any) -> Any:
        return (kept(output[0]), *output[1:]) if isinstance(output, tuple) else kept(output)

    return hook


def _select(positions_P: torch.Tensor, shapes: list[torch.Size]) -> Any:
    def hook(_module: Any, arguments: Any) -> Any:
        shapes.append(arguments[0].shape)
        return (rows_at(arguments[0], positions_P), *arguments[1:])

    return hook


def _fill(positions_P: torch.Tensor, shapes: list[torch.Size]) -> Any:
    def hook(_module: Any, _arguments: Any, output: torch.Tensor) -> torch.Tensor:
        shape = shapes.pop()
        filled = output.new_zeros(shape[:-1].numel(), output.shape[-1])
        return filled.index_copy(0, positions_P, output[0]).view(*shape[:-1], -1)

    return hook


def candidates(model: Any) -> list[Trimming]:
    """What may fit the model, to be tried; nothing where layers are computed again in the backward pass or
    compiled, since hooks are not there then."""
    layers = layers_of(model)
    if layers is None:
        return []
    last = layers[-1]
    computed_again = any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
    if computed_again or is_compiled(model):  # which would not see the hooks
        return []
    parts = ((getattr(last, name, None), way) for name, way in _PARTS)
    return [
        Trimming(part, way, matrix_weights(part) if way == "within" else _behind_attention(last))
        for part, way in parts
        if isinstance(part, torch.nn.Module)
    ]


@torch.no_grad()
def fitting(model: Any, changes_nothing: Callable[[Any, Trimming], bool]) -> Trimming | None:
    """The first of `candidates` for which `changes_nothing(model, it)` holds in evaluation.

    Where that fails, the rest of the model reads what was left out, or in another form. The model's mode is
    left alone.
    """

    def holds(trimming: Trimming) -> bool:
        try:
            return changes_nothing(model, trimming)
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
            return False

    was_training = model.training
    model.eval()
    try:
        return next(filter(holds, candidates(model)), None)
    finally:
        model.train(was_training)


def is_same(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    """Whether two answers differ by less than a share of the largest."""
    size = expected.abs().max().clamp(min=1e-9)
    return found.shape == expected.shape and bool((found - expected).abs().max() < tolerance * size)


def _behind_attention(layer: torch.nn.Module) -> int:
    return matrix_weights(layer) - matrix_weights(getattr(layer, "attention", torch.nn.Module()))
