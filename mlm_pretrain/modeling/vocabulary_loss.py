"""Cross-entropy over a vocabulary without the scores: they exist for a few hundred tokens at a time.

The scores of a batch, P tokens by V ids, are often larger than the model and all its activations, and the
usual loss holds three such tensors. Here each chunk's scores become the chunk's loss and, at once, its
share of the gradients, and are forgotten (the idea of Wijmans et al. 2024, "Cut your losses", and of
Liger-Kernel's fused linear cross-entropy). The result is the same sum.

P: predicted tokens. H: hidden width. V: vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

# Scores held at once. Fewer rows would re-read the weight's gradient too often, more would leave the caches.
_CHUNK_SCORES, _FEWEST_ROWS = 4_194_304, 256


class TokenLosses(NamedTuple):
    """`total`: the (weighted) sum, a scalar in float32. `nats_P`: each token's own, without a gradient."""

    total: torch.Tensor
    nats_P: torch.Tensor


def chunked_cross_entropy(
    hidden_QH: torch.Tensor,
    weight_VH: torch.Tensor,
    bias_V: torch.Tensor | None,
    targets_P: torch.Tensor,
    weights_P: torch.Tensor | None = None,
) -> TokenLosses:
    """−Σ w · log softmax(hidden · weightᵀ + bias)[target], and the loss of each token.

    Args:
        hidden_QH: rows of the targets, and behind them any that count for nothing; in the dtype the products
            are to be computed in. The sums are in float32.
        weight_VH, bias_V: the output layer, any float dtype; their gradients have it too.
        targets_P: the right ids, int64.
        weights_P: w, float32; 1 for all where none are given.
    """
    # Inside `forward` it can no longer be told that no gradient is wanted.
    learns, scale = torch.is_grad_enabled(), None
    if weights_P is not None and len(weights_P) and hidden_QH.dtype == torch.float16:
        # Weighted, errors may be smaller than any number in fp16: what all weights share comes last.
        scale = weights_P.max().clamp_min(torch.finfo(weights_P.dtype).tiny)
        weights_P = weights_P / scale
    total, nats_P = _ChunkedCrossEntropy.apply(
        hidden_QH, weight_VH, bias_V, targets_P, weights_P, learns
    )
    return TokenLosses(total if scale is None else total * scale, nats_P)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradients are made in the forward pass, while a chunk's scores are there."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: Any,
        targets: torch.Tensor,
        weights: Any,
        learns: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        wants = [learns and ctx.needs_input_grad[i] for i in range(3)]
        with torch.autocast(hidden.device.type, enabled=False):
            total, nats, grads = _accumulate(hidden, weight, bias, targets, weights, wants)
        ctx.save_for_backward(*grads)
        ctx.mark_non_differentiable(nats)
        return total, nats

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[Any, ...]:
        # In place: they were made for this one use, and the weight's is the largest tensor of a step.
        return (
            *(None if g is None else g.mul_(upstream[0]) for g in ctx.saved_tensors),
            *(None, None, None),
        )


def _accumulate(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    weights: torch.Tensor | None,
    wants: list[bool],
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor | None]]:
    """(summed loss, each token's, gradients of hidden, weight and bias, None for those not wanted)."""
    total = torch.zeros((), dtype=torch.float32, device=hidden.device)
    nats = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
    to_hidden = torch.empty_like(hidden) if wants[0] else None
    to_weight = torch.empty(weight.shape, device=weight.device) if wants[1] else None
    to_bias = torch.zeros(len(weight), device=weight.device) if wants[2] else None
    used = weight.to(hidden.dtype)
    shift = None if bias is None else bias.to(hidden.dtype)
    for rows in _chunks(len(hidden), len(weight)):
        h, right = hidden[rows], targets[rows, None]
        scores = torch.nn.functional.linear(h, used, shift)
        logs = torch.log_softmax(scores.float(), -1)
        counted = len(right)
        nats[rows] = -logs[:counted].gather(1, right)[:, 0]
        total += nats[rows].sum() if weights is None else nats[rows] @ weights[rows]
        if not any(wants):
            continue
        errors = logs.exp_()
        errors[:counted].scatter_add_(1, right, torch.full_like(right, -1, dtype=errors.dtype))
        errors[counted:] = 0
        if weights is not None:
            errors[:counted] *= weights[rows, None]
        if to_bias is not None:
            to_bias += errors.sum(0)
        errors = errors.to(hidden.dtype)
        if to_hidden is not None:
            torch.mm(errors, used, out=to_hidden[rows])
        if to_weight is not None:
            _add_product(to_weight, errors.t(), h, first=rows.start == 0)
    if to_weight is not None and not len(hidden):
        to_weight.zero_()
    grads = [to_hidden, to_weight, to_bias]
    kinds = [hidden.dtype, weight.dtype, bias.dtype if bias is not None else None]
    return (
        total,
        nats,
        [g if g is None else g.to(kind) for g, kind in zip(grads, kinds, strict=True)],
    )


def _chunks(rows: int, vocabulary: int) -> list[slice]:
    size = max(_FEWEST_ROWS, _CHUNK_SCORES // vocabulary)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor, first: bool) -> None:
    """total (+)= left · right, summed over chunks in float32."""
    if left.dtype == total.dtype:
        torch.addmm(total, left, right, beta=0 if first else 1, out=total)
    elif first:
        total.copy_(left @ right)
    else:
        total += left @ right
