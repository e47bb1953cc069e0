"""Which method of packed attention is fastest here, measured on the lengths of the data at hand.

Forward and backward of one layer take milliseconds, so that asking the machine costs less than guessing:
which method wins depends on the processor, the precision, the width and the documents' lengths.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.modeling.attention.layout import Layout
from mlm_pretrain.modeling.attention.methods import METHODS
from mlm_pretrain.modeling.attention.varlen import has_varlen
from mlm_pretrain.modeling.dropout import draws_quickly
from mlm_pretrain.progress import say

PREFERRED = "products8"
_ON_PROCESSORS = (PREFERRED, "products32", "fused")
_ROUNDS = 5
# Another method must be clearly faster: two runs on one machine should choose alike.
_CLEARLY = 0.8
_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
# Below this nothing is worth a measurement, tokens × width.
_SMALLEST = 1_000 * 128


def method_for(
    config: Any, lengths_N: NDArray[np.int64], dtype: torch.dtype, measure: bool = True
) -> str:
    """The method to train with: on a GPU the variable-length kernel, on a processor the fastest.

    Args:
        config: the model's, for its heads and width.
        lengths_N: of the segments in a typical batch.
        dtype: that the products are computed in.
        measure: otherwise, and for a model too small to be worth it, the preferred method.
    """
    if torch.cuda.is_available():
        return default_method(dtype)
    if not measure or int(lengths_N.sum()) * config.hidden_size < _SMALLEST:
        return PREFERRED
    seconds = measure_methods(config, lengths_N, dtype)
    best = min(seconds, key=seconds.__getitem__)
    chosen = best if seconds[best] < _CLEARLY * seconds[PREFERRED] else PREFERRED
    times = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in seconds.items())
    say(f"attention: {chosen} ({times} a layer)")
    return chosen


def default_method(dtype: torch.dtype) -> str:
    """Without a measurement; GPUs have a kernel for packed segments in half precision only."""
    if torch.cuda.is_available():
        return "varlen" if has_varlen() and dtype != torch.float32 else "masks"
    return PREFERRED


def measure_methods(
    config: Any, lengths_N: NDArray[np.int64], dtype: torch.dtype
) -> dict[str, float]:
    """Seconds of one layer's attention, forward and backward, by each method for processors that computes it.

    With dropout the fused kernel does not; it is drawn in earnest, and the generator left as it was.
    """
    dropout = max(float(getattr(config, name, None) or 0) for name in _DROPOUTS)
    dropout = dropout if draws_quickly(torch.empty(0), dropout) else 0.0
    names = [name for name in _ON_PROCESSORS if not (dropout and name == "fused")]
    with torch.random.fork_rng(devices=[]):
        return _seconds(config, lengths_N, dtype, dropout, names)


def _seconds(
    config: Any, lengths_N: NDArray[np.int64], dtype: torch.dtype, dropout: float, names: list[str]
) -> dict[str, float]:
    heads = int(config.num_attention_heads)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    layout = Layout(lengths_N)
    generator = torch.Generator().manual_seed(0)
    shape = (layout.tokens, heads, width)
    q, k, v, g = (torch.randn(shape, generator=generator).to(dtype) for _ in range(4))
    inputs = [x.transpose(0, 1).requires_grad_() for x in (q, k, v)]
    settings: dict[str, Any] = {"scale": width**-0.5, "is_causal": False, "window": None}
    best = dict.fromkeys(names, float("inf"))
    for number in range(1 + _ROUNDS):  # in turn, so that a busy moment falls on all of them
        for name in names:
            started = time.perf_counter()
            out = METHODS[name](*inputs, layout, **settings, dropout=dropout)
            torch.autograd.grad(out, inputs, g)
            if number > 0:  # the first is to warm up
                best[name] = min(best[name], time.perf_counter() - started)
    return best
