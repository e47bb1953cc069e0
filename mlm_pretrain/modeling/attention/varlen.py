"""Packed attention by PyTorch's variable-length kernel, for GPUs."""

from __future__ import annotations

from importlib.util import find_spec
from inspect import signature

import torch

from mlm_pretrain.modeling.attention.layout import Layout

_HALF = (torch.bfloat16, torch.float16)


def has_varlen() -> bool:
    """Whether this PyTorch has the kernel, with windows and a scale as later versions do."""
    if not torch.cuda.is_available() or find_spec("torch.nn.attention.varlen") is None:
        return False
    from torch.nn.attention.varlen import varlen_attn

    return {"scale", "window_size"} <= set(signature(varlen_attn).parameters)


def varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    borders: torch.Tensor,
    *,
    scale: float,
    is_causal: bool,
    window: int | None,
) -> torch.Tensor:
    """Attention (T, heads, D) of queries, keys and values (heads, T, D) within each segment.

    The kernel computes in half precision: fp32 inputs, as models give outside autocast, are rounded to
    bf16 for it and back.
    """
    from torch.nn.attention.varlen import varlen_attn

    dtype = value.dtype if value.dtype in _HALF else torch.bfloat16
    reach = -1 if window is None else window - 1
    attended: torch.Tensor = varlen_attn(
        *(x.transpose(0, 1).to(dtype).contiguous() for x in (query, key, value)),
        borders.flatten(), borders.flatten(), layout.longest, layout.longest,
        scale=scale, window_size=(reach, 0 if is_causal else reach),
    )  # fmt: skip
    return attended.to(value.dtype)
