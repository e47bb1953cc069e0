"""Packed attention by PyTorch's fused kernel, segment by segment."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from mlm_pretrain.modeling.attention.layout import Layout
from mlm_pretrain.modeling.attention.masks import near


def fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    *,
    scale: float,
    is_causal: bool,
    window: int | None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Attention (T, heads, D) of queries, keys and values (heads, T, D) within each segment.

    Neighbours of one length go into one call, so rows of whole segments cost one kernel. The kernel
    takes about 50 µs a call, which is much for segments of some dozens of tokens and nothing for hundreds.

    Args:
        window: a token sees those at a distance below this; None sees all of its segment.
    """
    heads, _, width = query.shape
    sizes = [count * length for count, length in layout.runs()]
    pieces = []
    parts = zip(
        layout.runs(), query.split(sizes, 1), key.split(sizes, 1), value.split(sizes, 1),
        strict=True,
    )  # fmt: skip
    for (count, length), *qkv in parts:
        # (heads, count · length, D) → (count, heads, length, D), a view
        batch = [x.unflatten(1, (count, length)).transpose(0, 1) for x in qkv]
        band = None
        if window is not None and length > window:
            band = near(length, is_causal, window, query.device)
        attended = scaled_dot_product_attention(
            *batch, attn_mask=band, dropout_p=dropout, scale=scale,
            is_causal=is_causal and band is None,
        )  # fmt: skip
        pieces.append(attended.transpose(1, 2).reshape(count * length, heads, width))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
