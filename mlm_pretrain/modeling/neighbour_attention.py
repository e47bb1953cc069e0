"""Attention that starts as a convolution: some heads look at a neighbour each, from the first step.

A fresh model attends to all tokens alike, and finds out by gradient alone that those next to a token
say most about it. With learned positions that takes very long: a post-norm BERT stays at the token
frequencies for millions of tokens. Positions that start as sine waves in a few dimensions of their own,
and query and key weights that compare them at a fixed distance, give it from the beginning. Nothing is
frozen and no layer is added: the checkpoint is an ordinary one.

Source: heads with positional attention as a start, d'Ascoli et al. (2021), "ConViT"; that such heads
make a convolution, Cordonnier et al. (2020), "On the Relationship between Self-Attention and
Convolutional Layers".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from mlm_pretrain.modeling.layers import token_table

ENCODER_DISTANCES = (-1, 1, -2, 2, -3, 3)  # of one head each; further heads start as usual
DECODER_DISTANCES = (-1, -2, -3, -4)
WAVES = 16  # each takes two dimensions
_SHORTEST_WAVE, _LONGEST_WAVE = 2.8, 256.0  # tokens
_AMPLITUDE = 2.0  # of the waves, in standard deviations of the token embeddings
_STRENGTH = 1.0  # of the query and key weights on the waves
_POSITIONS = ("position_embeddings", "wpe")
_QUERIES, _KEYS = ("query", "q_lin"), ("key", "k_lin")


def start_at_neighbours(model: Any, is_causal: bool, seed: int) -> int:
    """Let heads of every layer start at a neighbour each, in a model with learned positions.

    Args:
        model: a fresh Hugging Face model of width H whose token embeddings are as they should start.
        is_causal: whether a token sees only what stands to its left.
        seed: of the dimensions that the positions take.

    Returns:
        The number of layers changed: 0 where positions are not learned (RoPE) or of another width.
    """
    table, tokens = _position_table(model.base_model), token_table(model)
    layers = _projections(model.base_model)
    if table is None or not layers:
        return 0
    if len({table.shape[1], layers[0][0].shape[1], tokens.shape[1]}) > 1:
        return 0
    heads = model.config.num_attention_heads
    width, head_width = table.shape[1], layers[0][0].shape[0] // heads
    waves = min(WAVES, width // 8, head_width // 2)
    speeds = 2 * math.pi / torch.logspace(
        math.log10(_SHORTEST_WAVE), math.log10(_LONGEST_WAVE), waves
    )  # fmt: skip
    basis = torch.linalg.qr(
        torch.randn(width, 2 * waves, generator=torch.Generator().manual_seed(seed))
    )[0]
    with torch.no_grad():
        _set_positions(table, tokens, speeds, basis)
        distances = DECODER_DISTANCES if is_causal else ENCODER_DISTANCES
        for query, key in layers:
            _set_heads(query, key, distances[:heads], head_width, speeds, basis)
    return len(layers)


def _position_table(model: Any) -> torch.Tensor | None:
    """Learned absolute positions (P, H), if the model has them."""
    for name, module in model.named_modules():
        if name.endswith(_POSITIONS) and isinstance(module, torch.nn.Embedding):
            weight: torch.Tensor = module.weight
            return weight
    return None


def _projections(model: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Query and key weights (H, H) of every layer, as views that can be written to."""
    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        stem, _, last = name.rpartition(".")
        if last in _QUERIES:
            found.append((module.weight, modules[f"{stem}.{_KEYS[_QUERIES.index(last)]}"].weight))
        elif last == "c_attn":  # GPT-2 keeps query, key and value side by side, transposed
            query, key, _ = module.weight.T.chunk(3)
            found.append((query, key))
    return found


def _set_positions(
    table: torch.Tensor, tokens: torch.Tensor, speeds: torch.Tensor, basis: torch.Tensor
) -> None:
    """Waves over the positions, in dimensions that the tokens are taken out of."""
    spread = tokens.std()
    tokens -= (tokens @ basis) @ basis.T
    angles = torch.arange(len(table))[:, None] * speeds
    waves = torch.cat([angles.cos(), angles.sin()], 1)
    table.copy_(_AMPLITUDE * spread * waves @ basis.T)


def _set_heads(
    query: torch.Tensor,
    key: torch.Tensor,
    distances: Sequence[int],
    head_width: int,
    speeds: torch.Tensor,
    basis: torch.Tensor,
) -> None:
    """Add to each head what finds the position at its distance: the waves, turned by that much."""
    for head, distance in enumerate(distances):
        first = head * head_width
        rows = slice(first, first + basis.shape[1])
        query[rows] += _STRENGTH * _turn(speeds * distance) @ basis.T
        key[rows] += _STRENGTH * basis.T


def _turn(angles: torch.Tensor) -> torch.Tensor:
    """The rotation (2W, 2W) that moves W cosines and W sines ahead by W angles."""
    cos, sin = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)])
