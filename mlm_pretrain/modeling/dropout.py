"""Dropout whose draws are cheap on processors.

There PyTorch draws a number for each element, one after the other, which took a fifth of a step of
contrastive learning. Here one draw of 64 bits serves four elements, so that shares are multiples of 2^-16.
"""

from __future__ import annotations

import torch

_LEVELS = 1 << 16
_DRAWN = 4  # elements that a number of 64 bits serves


class QuickDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` with another way to draw; on GPUs and in compiled layers it is that of PyTorch."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        kept = kept_levels(self.p)
        if self.inplace or not self.training or not draws_quickly(input, self.p):
            return super().forward(input)
        return input * scaled_mask(input, kept)


def draws_quickly(like: torch.Tensor, dropped: float) -> bool:
    """Whether a mask for `like` is drawn here; PyTorch's own draws are as quick elsewhere."""
    is_here = like.device.type == "cpu" and not torch.compiler.is_compiling()
    return is_here and 0 < kept_levels(dropped) < _LEVELS


def kept_levels(dropped: float) -> int:
    """Share of the elements that are kept, in 2^-16."""
    return round((1 - dropped) * _LEVELS)


def scaled_mask(like: torch.Tensor, kept: int) -> torch.Tensor:
    """Of `like`'s shape: 0 where an element is dropped, the inverse of the share that is kept elsewhere.

    Args:
        kept: share of the elements that are kept, in 2^-16.
    """
    count = like.numel()
    words = torch.empty(-(-count // _DRAWN), dtype=torch.int64)
    words.random_(torch.iinfo(torch.int64).min, None)  # all 64 bits
    levels = words.view(torch.int16)[:count].view(like.shape)
    mask = torch.lt(levels, kept - _LEVELS // 2, out=torch.empty_like(levels, dtype=like.dtype))
    return mask.mul_(_LEVELS / kept)


def draw_quickly(model: torch.nn.Module) -> None:
    """Give the model's dropouts the quick draws, in place."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Dropout:
                quick = QuickDropout(child.p, child.inplace).train(child.training)
                setattr(module, name, quick)
