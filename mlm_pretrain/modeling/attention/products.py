"""Packed attention as batched matrix products over segments of like length, with its own backward.

The fused kernels of processors are written for long sequences: on documents of some dozens of tokens most
of their time is overhead, and their backward multiplies without the processor's bf16 instructions. Here
segments of a length (rounded up) are gathered into one batch, heads apart, and every product of forward
and backward is one call of the matrix library for a whole batch. The probabilities are kept for the
backward, as textbook attention does, but only within segments.

B': segments in a bucket times heads. S: the bucket's length. D: width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.modeling.attention.layout import Layout
from mlm_pretrain.modeling.attention.masks import near
from mlm_pretrain.modeling.attention.shares import Shares, attend, attend_back, penalty
from mlm_pretrain.modeling.shapes import compiles_by_shape, rounded

_SEGMENTS = 4  # a bucket is filled up to a multiple of, where products are compiled for their shape


@dataclass(frozen=True)
class Bucket:
    """Segments of like length that look the same way: `place` is their slice of the gathered rows."""

    place: slice
    is_causal: bool
    length: int
    valid_NS: torch.Tensor  # bool; which of a segment's S positions are its own


@dataclass(frozen=True)
class Buckets:
    """A layout, gathered.

    Attributes:
        gather: for each gathered row (bucket, segment, head, position), its row in (T · heads).
        scatter: for each row in (T · heads), its gathered row.
        padding: gathered rows that repeat a segment's last token, or a segment, to fill up what they are in.
    """

    gather: torch.Tensor
    scatter: torch.Tensor
    padding: torch.Tensor
    buckets: list[Bucket]


def buckets_of(
    layout: Layout, heads: int, multiple: int, is_causal: bool, together: int = 1
) -> Buckets:
    """The buckets of a layout with lengths rounded up to `multiple`; derived once for all layers.

    Args:
        is_causal: how the segments look where the layout does not say it of each.
        together: what the number of segments in a bucket is rounded up to a multiple of.
    """
    key = ("products", heads, multiple, is_causal, together)
    if key not in layout.derived:
        layout.derived[key] = _gathered(layout, heads, multiple, is_causal, together)
    found: Buckets = layout.derived[key]
    return found


def _gathered(layout: Layout, heads: int, multiple: int, is_causal: bool, together: int) -> Buckets:
    starts, lengths = layout.starts, layout.lengths_N
    sizes_N = -(-lengths // multiple) * multiple
    causal_N = np.full(len(lengths), is_causal) if layout.causal_N is None else layout.causal_N
    scatter: NDArray[np.int64] = np.empty((layout.tokens, heads), dtype=np.int64)
    gathers, buckets, offset = [], [], 0
    for size, causal in np.unique(np.stack([sizes_N, causal_N], 1), axis=0).tolist():
        own = np.flatnonzero((sizes_N == size) & (causal_N == causal))
        members = np.resize(
            own, rounded(len(own), together)
        )  # repeats its first where it has to be longer
        place_1S = np.arange(size)[None]
        tokens_NS = starts[members, None] + np.minimum(place_1S, lengths[members, None] - 1)
        valid_NS = place_1S < lengths[members, None]
        gathers.append((tokens_NS[:, None] * heads + np.arange(heads)[None, :, None]).ravel())
        rows = offset + np.arange(gathers[-1].size).reshape(len(members), heads, size)
        written_NS = valid_NS[: len(own)]
        scatter[tokens_NS[: len(own)][written_NS]] = rows.transpose(0, 2, 1)[: len(own)][written_NS]
        place = slice(offset, offset + gathers[-1].size)
        buckets.append(Bucket(place, bool(causal), size, torch.from_numpy(valid_NS)))
        offset = place.stop
    filled = np.zeros(offset, dtype=bool)
    filled[scatter.ravel()] = True
    return Buckets(
        torch.from_numpy(np.concatenate(gathers)), torch.from_numpy(scatter.ravel()),
        torch.from_numpy(np.flatnonzero(~filled)), buckets,
    )  # fmt: skip


def _bias(
    bucket: Bucket, heads: int, window: int | None, dtype: torch.dtype
) -> torch.Tensor | None:
    """What is added to a bucket's scores, broadcast to (B', S, S); None where all is seen."""
    seen_SS = near(bucket.length, bucket.is_causal, window, bucket.valid_NS.device)
    # Of a causal segment no token sees the padding, which stands behind it.
    needs_ends = not bucket.is_causal and not bool(bucket.valid_NS.all())
    if not needs_ends:
        return None if bool(seen_SS.all()) else penalty(seen_SS[None], dtype)
    seen_NS = bucket.valid_NS[:, None, :]
    if not bool(seen_SS.all()):
        seen_NS = seen_NS & seen_SS[None]
    bias = penalty(seen_NS, dtype)
    return bias[:, None].expand(-1, heads, -1, -1).flatten(0, 1)


def _biases(
    layout: Layout, buckets: Buckets, key: tuple[Any, ...], heads: int, *which: Any
) -> list[torch.Tensor | None]:
    """Those of all buckets, which `key` tells from other buckets of the layout."""
    key = ("bias", *key, *which)
    if key not in layout.derived:
        layout.derived[key] = [_bias(bucket, heads, *which) for bucket in buckets.buckets]
    found: list[torch.Tensor | None] = layout.derived[key]
    return found


class _Products(torch.autograd.Function):
    """softmax(q kᵀ · scale + bias) v for every bucket, and its derivative."""

    @staticmethod
    def forward(
        ctx: Any, query: Any, key: Any, value: Any, buckets: Buckets, biases: Any, scale: float,
        dropout: float,
    ) -> torch.Tensor:  # fmt: skip
        rows = [
            x.reshape(-1, x.shape[-1]).index_select(0, buckets.gather) for x in (query, key, value)
        ]
        mixed = torch.empty_like(rows[2])
        kept: list[torch.Tensor | None] = []
        for bucket, bias in zip(buckets.buckets, biases, strict=True):
            q, k, v, out = (_batch(x, bucket) for x in (*rows, mixed))
            kept += attend(q, k, v, bias, scale, dropout, out)[1]
        ctx.save_for_backward(*rows, *kept)
        ctx.buckets, ctx.scale = buckets, scale
        return mixed.index_select(0, buckets.scatter).view_as(query)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        (grad,) = grads
        buckets = ctx.buckets
        saved = ctx.saved_tensors  # once: activation checkpointing hands them out a single time
        rows, kept = saved[:3], saved[3:]
        upstream = grad.reshape(-1, grad.shape[-1]).index_select(0, buckets.gather)
        upstream.index_fill_(0, buckets.padding, 0)
        found = [torch.empty_like(upstream) for _ in range(3)]
        for place, bucket in enumerate(buckets.buckets):
            q, k, v, g, *out = (_batch(x, bucket) for x in (*rows, upstream, *found))
            shares = Shares(*kept[2 * place : 2 * place + 2])
            attend_back(g, q, k, v, shares, ctx.scale, (out[0], out[1], out[2]))
        back = [x.index_select(0, buckets.scatter).view_as(grad) for x in found]
        return (*back, None, None, None, None)


def _batch(rows: torch.Tensor, bucket: Bucket) -> torch.Tensor:
    """A bucket's rows as (B', S, D), a view."""
    return rows[bucket.place].view(-1, bucket.length, rows.shape[-1])


def products(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    *,
    scale: float,
    is_causal: bool,
    window: int | None,
    multiple: int,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Attention (T, heads, D) of queries, keys and values (heads, T, D) within each segment.

    Args:
        is_causal: how the segments look where `layout` does not say it of each.
        window: a token sees those at a distance below this; None sees all of its segment.
        multiple: segments are filled up to a multiple of this: small means less padding to compute,
            large means fewer and larger products.
        dropout: share of the shares that are dropped.
    """
    heads = query.shape[0]
    if window is not None and window >= layout.longest:
        window = None
    together = _SEGMENTS if compiles_by_shape(value.device.type, value.dtype) else 1
    which = (heads, multiple, is_causal, together)
    buckets = buckets_of(layout, *which)
    biases = _biases(layout, buckets, which, heads, window, value.dtype)
    lines = [x.to(value.dtype).transpose(0, 1) for x in (query, key, value)]
    # The dtype was settled above; autocast would raise the softmax to fp32 and copy it back.
    with torch.autocast(query.device.type, enabled=False):
        attended: torch.Tensor = _Products.apply(*lines, buckets, biases, scale, dropout)
    return attended
