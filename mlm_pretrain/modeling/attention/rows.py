"""Attention over padded rows: transformers' "sdpa", but for dropout on processors, which is drawn quickly.

Most checkpoints of BERT's family are fine-tuned with dropout, whose draws were a sixth of the time.

B rows of S tokens, D: width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mlm_pretrain.modeling.attention.masks import near
from mlm_pretrain.modeling.attention.shares import Shares, attend, attend_back, penalty
from mlm_pretrain.modeling.dropout import draws_quickly

NAME = "sdpa_quick_dropout"
# Of the attention interface: what is computed neither here nor for packed segments.
UNSUPPORTED = ("softcap", "s_aux", "position_bias", "cache")


class _Rows(torch.autograd.Function):
    """`attend` of (B, heads, S, D)."""

    @staticmethod
    def forward(
        ctx: Any, query: Any, key: Any, value: Any, bias: Any, scale: float, dropout: float
    ) -> torch.Tensor:
        q, k, v = (x.flatten(0, 1) for x in (query, key, value))
        mixed, kept = attend(q, k, v, bias, scale, dropout)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.scale, ctx.rows = scale, query.shape[:2]
        return mixed.unflatten(0, query.shape[:2])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        q, k, v, *kept = ctx.saved_tensors
        found = attend_back(grads[0].flatten(0, 1), q, k, v, Shares(*kept), ctx.scale)
        return (*(x.unflatten(0, ctx.rows) for x in found), None, None, None)


def attend_rows(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention interface; q (B, heads, S, D) and k, v (B, key heads, S, D) → (B, S, heads, D)."""
    looks_left = looks_left_of(module, is_causal)
    looks_left = looks_left and query.shape[2] > 1 and attention_mask is None  # as "sdpa" has it
    is_more = any(kwargs.get(name) is not None for name in UNSUPPORTED)
    is_plain = not is_more and _is_plain(query, key, attention_mask, looks_left)
    if not is_plain or not draws_quickly(query, dropout):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling,
            is_causal=is_causal, **kwargs,
        )  # fmt: skip
    key, value, scale = settled(query, key, value, scaling)
    bias = _bias(value, attention_mask, looks_left)
    with torch.autocast(query.device.type, enabled=False):
        lines = [x.to(value.dtype) for x in (query, key, value)]
        mixed: torch.Tensor = _Rows.apply(*lines, bias, scale, dropout)
    return mixed.transpose(1, 2).contiguous(), None


def settled(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Keys and values (B, heads, S, D) for every head of the queries, and the scale, as "sdpa" has them."""
    groups = query.shape[1] // key.shape[1]
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    return repeat_kv(key, groups), repeat_kv(value, groups), scale


def looks_left_of(module: torch.nn.Module, is_causal: bool | None) -> bool:
    """Whether a token sees those before it alone: as is asked for, else as the layer is made."""
    return bool(is_causal if is_causal is not None else getattr(module, "is_causal", True))


def _is_plain(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, looks_left: bool
) -> bool:
    """Whether the mask neither learns nor differs by heads alone, and who looks left sees as many keys."""
    if mask is None:
        return not looks_left or query.shape[2] == key.shape[2]
    is_by_row = mask.dim() == 4 and (mask.shape[1] == 1 or mask.shape[0] == query.shape[0])
    return is_by_row and not mask.requires_grad


def _bias(value: torch.Tensor, mask: torch.Tensor | None, looks_left: bool) -> torch.Tensor | None:
    """What is added to the scores: (B or 1, 1, S, S), or (B, heads, S, S)."""
    if mask is None and not looks_left:
        return None
    if mask is None:
        mask = near(value.shape[2], True, None, value.device)[None, None]
    return penalty(mask, value.dtype) if mask.dtype == torch.bool else mask.to(value.dtype)


AttentionInterface.register(NAME, attend_rows)
AttentionMaskInterface.register(NAME, sdpa_mask)
