"""Few shapes of matrix products, where each new one costs more than the product.

In bf16 a processor's products are compiled for their shape: a thousand of them are kept, and one that is not
among them takes milliseconds, which is often more than the product itself. Packed batches and batches padded
to their longest row hardly ever repeat a shape. Filled up to a few round sizes, they do.
"""

from __future__ import annotations

import torch

SHARES = 64  # of a batch's tokens: a count is filled up by less than one of them
_ROWS = 64


def compiles_by_shape(device: str, dtype: torch.dtype) -> bool:
    """Whether products of this dtype are compiled for each shape on this type of device."""
    return device == "cpu" and dtype in (torch.bfloat16, torch.float16)


def rounded(count: int, multiple: int) -> int:
    """`count`, or the next multiple above it."""
    return -(-count // multiple) * multiple


def round_rows(count: int, available: int, like: torch.Tensor) -> int:
    """`count` rows of a product, with so many of those that are available as make its shape a common one."""
    if not compiles_by_shape(like.device.type, like.dtype):
        return count
    return min(rounded(count, _ROWS), available)


def shortfall(count: int, total: int, shares: int = SHARES) -> int:
    """How many `count` is short of the next whole share of `total`, never more than there are."""
    return min(-count % max(1, total // shares), total - count)


def filled_up(positions_P: torch.Tensor, tokens: int) -> torch.Tensor:
    """`positions_P` and behind them positions of other tokens, to the next whole share of `tokens`."""
    missing = shortfall(len(positions_P), tokens)
    others = torch.ones(tokens, dtype=torch.bool, device=positions_P.device)
    others[positions_P] = False
    return torch.cat([positions_P, others.nonzero().flatten()[:missing]])
