"""The methods of packed attention, under the names by which a model's `attn_implementation` chooses them.

Adding one is a function `(query, key, value, layout, …) → (T, heads, D)` and a line in `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from mlm_pretrain.modeling.attention.directions import attend_in_parts, parts_of
from mlm_pretrain.modeling.attention.fused import fused
from mlm_pretrain.modeling.attention.layout import is_borders, layout_of
from mlm_pretrain.modeling.attention.products import products
from mlm_pretrain.modeling.attention.rows import UNSUPPORTED, attend_rows, looks_left_of, settled
from mlm_pretrain.modeling.attention.varlen import varlen
from mlm_pretrain.modeling.dropout import draws_quickly

METHODS: dict[str, Callable[..., torch.Tensor]] = {
    "fused": fused,
    "products8": partial(products, multiple=8),
    "products32": partial(products, multiple=32),
    "varlen": varlen,
}
_WITH_DROPOUT = "products32"  # on processors, whatever the method is without
_PREFIX = "packed_"


def implementation_name(method: str) -> str:
    """The name of `method` among transformers' attention implementations."""
    return _PREFIX + method


def is_packed_implementation(name: str | None) -> bool:
    """Whether a model with this `attn_implementation` takes its batches in one line."""
    return name is not None and name.removeprefix(_PREFIX) in METHODS and name.startswith(_PREFIX)


def _attend(
    method: str,
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention interface; q (1, heads, T, D) and k, v (1, key heads, T, D) → (1, T, heads, D).

    With an ordinary mask, or none, it is that of rows: a model trained here stays usable.
    """
    if not is_borders(attention_mask):
        return attend_rows(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling,
            is_causal=is_causal, **kwargs,
        )  # fmt: skip
    assert attention_mask is not None
    if unknown := [name for name in UNSUPPORTED if kwargs.get(name) is not None]:
        raise NotImplementedError(f"packed attention does not compute {unknown[0]}")
    key, value, scale = settled(query, key, value, scaling)
    attend = partial(_attend_line, method, dropout=dropout, window=sliding_window, scale=scale)
    layout, heads = layout_of(attention_mask), (query[0], key[0], value[0])
    in_parts = layout.causal_N is not None and not _is_products(method, query, dropout)
    if in_parts:
        attended = attend_in_parts(attend, heads, parts_of(layout, attention_mask))
    else:
        attended = attend(*heads, attention_mask, looks_left_of(module, is_causal))
    return attended.unsqueeze(0), None


def _attend_line(
    method: str,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    borders: torch.Tensor,
    is_causal: bool,
    *,
    dropout: float,
    **settings: Any,
) -> torch.Tensor:
    """Attention (T, heads, D) of a line's segments, by `method` where it can; but for products they all look
    in one way."""
    line = (query, key, value, layout_of(borders))
    if draws_quickly(query, dropout):  # where the fused kernel computes no dropout either
        attend = METHODS[method if method.startswith("products") else _WITH_DROPOUT]
        return attend(*line, is_causal=is_causal, dropout=dropout, **settings)
    if dropout > 0 or not (method == "varlen" or query.device.type == "cpu"):
        return fused(*line, is_causal=is_causal, dropout=dropout, **settings)
    if method == "varlen" and query.device.type == "cuda":
        return varlen(*line, borders, is_causal=is_causal, **settings)
    found = METHODS["fused" if method == "varlen" else method]
    return found(*line, is_causal=is_causal, **settings)


def _is_products(method: str, query: torch.Tensor, dropout: float) -> bool:
    """Whether batched products are taken, which keep segments apart that look different ways."""
    if dropout > 0:
        return draws_quickly(query, dropout)
    return method.startswith("products") and query.device.type == "cpu"


def register() -> None:
    """Make the methods known to transformers, beside "sdpa" and "eager"."""
    for method in METHODS:
        AttentionInterface.register(implementation_name(method), partial(_attend, method))
        AttentionMaskInterface.register(implementation_name(method), sdpa_mask)


register()
