"""What a pass through a model costs in multiplications and additions, and what the machine can do of them.

Model FLOPs: what the mathematics needs, not what an implementation spends (Chowdhery et al. 2022, PaLM,
appendix B): every weight of a matrix takes part in one multiplication and one addition a token forward,
and twice that backward; attention adds its two products. The head counts for scored tokens alone. What
stands beside a model is not counted, such as a head for orders of sentences or the similarities of texts:
less than a hundredth, unless a bank holds tens of thousands of keys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.modeling.layers import embedding_tables, matrix_weights

_FORWARD, _TRAINING = 2, 6  # a weight and token; with the backward pass three times as much
_SIDE, _ROUNDS = 2_048, 4
_CROSSING = ("encoder_attn", "EncDecAttention")  # modules of a decoder, as BART and T5 call them


@dataclass(frozen=True)
class PassSize:
    """A pass through an encoder or a decoder, by what its cost follows from.

    Attributes:
        lengths_N: of the segments, in tokens.
        is_causal: whether they look only to the left: all of them, or each (N).
        scored: tokens whose scores are computed; 0 where the head is left out.
        trimmed_weights: numbers in the last layer's matrices that only some tokens meet.
        kept: how many these tokens are.
        learns: whether a backward pass follows.
    """

    lengths_N: NDArray[np.int64]
    is_causal: bool | NDArray[np.bool_] = False
    scored: int = 0
    trimmed_weights: int = 0
    kept: int = 0
    learns: bool = True


def pass_flops(model: Any, size: PassSize) -> float:
    """Model FLOPs of a pass.

    Args:
        model: its matrices are those that multiply the tokens' states; what is trained beside it is left out.
    """
    tables = embedding_tables(model)
    inner = matrix_weights(model.base_model, tables)
    each = _TRAINING if size.learns else _FORWARD
    weights = (inner - size.trimmed_weights) * int(size.lengths_N.sum())
    weights += size.trimmed_weights * size.kept + _head_weights(model, tables) * size.scored
    pairs = _pairs(model.config, size.lengths_N, size.is_causal)
    return each * (weights + 2 * model.config.hidden_size * pairs)


def _head_weights(model: Any, tables: set[int]) -> int:
    """Behind the base model; an output layer that is tied to the embeddings multiplies all the same."""
    beside = getattr(model, "pretraining_heads", None)
    others = {id(p) for p in beside.parameters()} if beside is not None else set()
    inner = {id(p) for p in model.base_model.parameters()}
    output = model.get_output_embeddings()
    is_tied = output is not None and id(output.weight) in tables
    own = matrix_weights(model, tables | others | inner)
    return own + (output.weight.numel() if is_tied else 0)


def _pairs(config: Any, lengths_N: NDArray[np.int64], is_causal: bool | NDArray[np.bool_]) -> float:
    """(query, key) pairs that see each other, over all layers, with their windows."""
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    window = getattr(config, "sliding_window", None)
    long_N = lengths_N.astype(np.float64)
    share_N = np.where(is_causal, 0.5, 1.0)
    full = float((share_N * long_N**2).sum())
    reach_N = np.minimum(long_N - 1, window) if window else long_N - 1
    near_N = long_N * (2 * reach_N + 1) - reach_N * (reach_N + 1)
    near = float((share_N * near_N).sum())
    return sum(near if kind == "sliding_attention" else full for kind in kinds)


def pairs_flops(
    model: Any, sources_N: NDArray[np.int64], targets_N: NDArray[np.int64], learns: bool = True
) -> float:
    """Model FLOPs of an encoder that reads N sources and a decoder that writes as many targets.

    Args:
        sources_N, targets_N: their lengths in tokens.
    """
    tables = embedding_tables(model)
    encoder, decoder = model.get_encoder(), model.get_decoder()
    crossing = [m for name, m in decoder.named_modules() if name.endswith(_CROSSING)]
    # Of four matrices in each of them keys and values multiply what was read.
    of_source = sum(matrix_weights(module) for module in crossing) // 2
    read = matrix_weights(encoder, tables) + of_source
    written = matrix_weights(decoder, tables) - of_source
    written += model.get_output_embeddings().weight.numel()
    weights = read * int(sources_N.sum()) + written * int(targets_N.sum())
    pairs = model.config.num_hidden_layers * float((sources_N**2).sum())
    pairs += len(crossing) * float((targets_N * (sources_N + targets_N / 2)).sum())
    return (_TRAINING if learns else _FORWARD) * (weights + 2 * model.config.hidden_size * pairs)


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOPs a second of a large matrix product here: what no training can exceed."""
    left, right = (torch.randn(_SIDE, _SIDE, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * _SIDE**3 / best
