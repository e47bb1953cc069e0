"""What a step costs in multiplications and additions, and what the machine can do of them.

Model FLOPs: what the mathematics needs, not what an implementation spends (Chowdhery et al. 2022, PaLM,
appendix B): every weight of a matrix takes part in one multiplication and one addition a token forward,
and twice that backward; attention adds its two products. The head counts for predicted tokens alone. Of an
encoder with a decoder it is an estimate: as if the decoder wrote as many tokens as are read.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.modeling.layers import embedding_tables, matrix_weights

_TRAINING = 6  # 2 forward, 4 backward, a weight and token
_SIDE, _ROUNDS = 2_048, 4


def training_flops(
    model: Any,
    lengths_N: NDArray[np.int64],
    predicted: int,
    is_causal: bool,
    predicted_weights: int = 0,
) -> float:
    """Model FLOPs of one forward and backward pass.

    Args:
        model: with a language-modelling head; its matrices are those that multiply the tokens' states.
        lengths_N: of the batch's segments, in tokens.
        predicted: tokens whose scores are computed.
        predicted_weights: of the last layer, those that only predicted tokens meet.
    """
    tokens = int(lengths_N.sum())
    generator = getattr(getattr(model, "pretraining_heads", None), "generator", None)
    beside = set() if generator is None else {id(p) for p in generator.parameters()}
    tables = embedding_tables(model)
    inner = matrix_weights(model.base_model, tables)
    output = model.get_output_embeddings()
    head = matrix_weights(model, tables | beside) - inner
    if output is not None and id(output.weight) in tables:  # tied: multiplied all the same
        head += output.weight.numel()
    attention = (
        2 * _TRAINING * model.config.hidden_size * _pairs(model.config, lengths_N, is_causal)
    )
    all_tokens, some_tokens = inner - predicted_weights, head + predicted_weights
    return _TRAINING * (all_tokens * tokens + some_tokens * predicted) + attention


def _pairs(config: Any, lengths_N: NDArray[np.int64], is_causal: bool) -> float:
    """(query, key) pairs that see each other, over all layers, with their windows."""
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    window = getattr(config, "sliding_window", None)
    long_N = lengths_N.astype(np.float64)
    full = float((long_N**2).sum())
    reach_N = np.minimum(long_N - 1, window) if window else long_N - 1
    near = float((long_N * (2 * reach_N + 1) - reach_N * (reach_N + 1)).sum())
    total = sum(near if kind == "sliding_attention" else full for kind in kinds)
    return total * (0.5 if is_causal else 1.0)


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOPs a second of a large matrix product here: what no training can exceed."""
    left, right = (torch.randn(_SIDE, _SIDE, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * _SIDE**3 / best
