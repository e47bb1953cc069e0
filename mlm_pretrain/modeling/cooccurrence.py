"""Token embeddings that start from what the corpus says, not from noise.

A small model spends the first minutes of a run finding out which tokens resemble each other. That can
be counted: two tokens with the same neighbours get the same direction. One pass of counting over a
few million tokens and one truncated SVD take seconds, and give the embeddings (tied to the output
layer in most models) that would otherwise be learnt by millions of gradient updates.

Source: positive pointwise mutual information, its smoothing and the square root of the singular
values after Levy, Goldberg and Dagan (2015), "Improving Distributional Similarity with Lessons
Learned from Word Embeddings"; the randomised SVD is torch's (Halko et al., 2011).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

WINDOW = 4  # tokens on either side; a pair at distance d counts 1/d
SMOOTHING = 0.75  # power of the neighbours' frequencies: rare neighbours weigh less
SAMPLE_TOKENS = 16_000_000  # more changed nothing; an evenly spread sample is counted
_MATRIX_ENTRIES = 1 << 26  # of counts, 256 MB as float32, whatever the vocabulary (and a copy)
_MOST_NEIGHBOURS = 2_048  # distinct neighbours told apart, the most frequent ones
_FEWEST_SEEN = 5  # a token seen less often keeps its random row
_POWER_ITERATIONS = 3
_OVERSAMPLING = 32
_TINY = 1e-9

Blocks = Iterator[tuple[np.ndarray, np.ndarray]]


def cooccurrence_embeddings(
    blocks: Blocks, vocab_size: int, hidden_size: int, special_ids: list[int], seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions of tokens from their neighbours on the left and on the right.

    Args:
        blocks: pairs of token ids (T,) and the number of the segment each lies in (T,), in order; no
            pair of tokens is counted across segments.
        vocab_size: V. `hidden_size`: H.
        special_ids: tokens that are no neighbours and get no row.
        seed: of the randomised SVD.

    Returns:
        rows (V, H), float32, of mean 0 and standard deviation 1 over the known tokens, zero for the
        others; and known (V,), bool, True for tokens that were seen often enough, beside others.
    """
    counts, frequencies = count_neighbours(blocks, vocab_size, special_ids)
    known = (frequencies >= _FEWEST_SEEN) & counts.any(axis=(0, 2))
    known[special_ids] = False
    rows = torch.zeros(vocab_size, hidden_size)
    if int(known.sum()) < 2:  # nothing to compare
        return rows, torch.zeros(vocab_size, dtype=torch.bool)
    information = _information(counts)[torch.from_numpy(known)]
    rows[torch.from_numpy(known)] = _directions(information, hidden_size, seed)
    return rows, torch.from_numpy(known)


def count_neighbours(
    blocks: Blocks, vocab_size: int, special_ids: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted counts (2, V, N) of N neighbours after and before each token, and frequencies (V,).

    The neighbours told apart are the most frequent tokens of the first block.
    """
    size = max(1, min(_MOST_NEIGHBOURS, vocab_size, _MATRIX_ENTRIES // (2 * vocab_size)))
    counts = np.zeros((2, vocab_size * size), np.float32)
    frequencies = np.zeros(vocab_size, np.int64)
    column: np.ndarray | None = None
    for ids, segments in blocks:
        frequencies += np.bincount(ids, minlength=vocab_size)
        if column is None:
            column = _columns(frequencies, size, special_ids)
        columns = column[ids]
        for distance in range(1, WINDOW + 1):
            near = segments[distance:] == segments[:-distance]
            for side, (tokens, neighbours) in enumerate(
                ((ids[:-distance], columns[distance:]), (ids[distance:], columns[:-distance]))
            ):
                counted = near & (neighbours >= 0)
                cells = tokens[counted].astype(np.int64) * size + neighbours[counted]
                np.add.at(counts[side], cells, np.float32(1 / distance))
    return counts.reshape(2, vocab_size, size), frequencies


def _columns(frequencies: np.ndarray, size: int, special_ids: list[int]) -> np.ndarray:
    """Column of each token (V,) among the `size` most frequent ones, -1 for the rest."""
    ranked = frequencies.copy()
    ranked[special_ids] = 0
    chosen = np.argsort(-ranked, kind="stable")[:size]
    column = np.full(len(frequencies), -1, np.int64)
    column[chosen[ranked[chosen] > 0]] = np.arange(int((ranked[chosen] > 0).sum()))
    return column


def _information(counts: np.ndarray) -> torch.Tensor:
    """Positive pointwise mutual information (V, 2N) of tokens with the neighbours on each side.

    Overwrites `counts` (2, V, N): there may not be room for it twice.
    """
    for side in counts:
        tokens = np.maximum(side.sum(1, keepdims=True), _TINY)
        neighbours = side.sum(0, keepdims=True) ** np.float32(SMOOTHING)
        side /= tokens
        side /= np.maximum(neighbours / max(float(neighbours.sum()), _TINY), _TINY)
        np.log(np.maximum(side, 1.0, out=side), out=side)
    return torch.from_numpy(counts).transpose(0, 1).flatten(1)


def _directions(information: torch.Tensor, hidden_size: int, seed: int) -> torch.Tensor:
    """The left singular vectors times the root of their values, turned at random, scaled to 1.

    The turn spreads the strong first directions over all H dimensions, as norms and weights of a
    fresh model expect; dot products between tokens stay what they were.
    """
    rank = min(hidden_size, *information.shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sampled = min(rank + _OVERSAMPLING, *information.shape)
        left, values, _ = torch.svd_lowrank(information, q=sampled, niter=_POWER_ITERATIONS)
        rows = left[:, :rank] * values[:rank].sqrt()
        rows = rows - rows.mean(0)
        turn = torch.linalg.qr(torch.randn(hidden_size, hidden_size))[0]
    turned: torch.Tensor = rows @ turn[:rank]
    return turned / turned.std().clamp(min=1e-9)
