"""Gives a fresh model its start from the prepared rows: embeddings, and heads that look at neighbours."""

from __future__ import annotations

import time
from typing import Any

import torch

from mlm_pretrain.modeling.cooccurrence import SAMPLE_TOKENS, cooccurrence_embeddings
from mlm_pretrain.modeling.layers import token_table
from mlm_pretrain.modeling.neighbour_attention import start_at_neighbours
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.progress import say
from mlm_pretrain.training.heads import generator_of

_BLOCK_TOKENS = 4_000_000
# Standard deviation of the first scores: rows drawn with the usual 0.02 give 0.3 at a width of 256, and
# it takes many steps until scores differ. After 0.8 million tokens there: 5.05 nats at 0.3, 4.78 at
# 0.6, 4.64 at 1.3, 4.60 at 2.6, and 5.80 from random rows of 0.02.
SCORE_SPREAD = 2.0


def informed_start(
    model: Any, rows: PackedDataset, tokenizer: Any, is_causal: bool, seed: int
) -> float:
    """Set what can be known before the first step; returns the seconds it took, part of the run."""
    started = time.monotonic()
    known = start_embeddings(model, rows, tokenizer, seed)
    layers = start_at_neighbours(model, is_causal, seed)
    if (generator := generator_of(model)) is not None:
        start_at_neighbours(generator, is_causal, seed)
    seconds = time.monotonic() - started
    say(
        f"start: embeddings of {known:,} tokens from co-occurrence"
        + (f", heads of {layers} layers at their neighbours" if layers else "")
        + f", in {seconds:.1f} s"
    )
    return seconds


def start_embeddings(model: Any, rows: PackedDataset, tokenizer: Any, seed: int) -> int:
    """Set the token embeddings (and an output layer of their shape) from the rows' co-occurrences.

    Tokens that were hardly seen, and special tokens, keep their random rows.

    Returns:
        Tokens that were set.
    """
    embedding = token_table(model)
    blocks = rows.blocks(SAMPLE_TOKENS, _BLOCK_TOKENS)
    found, known = cooccurrence_embeddings(
        blocks, len(embedding), embedding.shape[1], tokenizer.all_special_ids, seed
    )
    spread = SCORE_SPREAD / embedding.shape[1] ** 0.5  # the states they meet are normalised
    with torch.no_grad():
        for weight in {id(w): w for w in _tables(model)}.values():
            if weight.shape == embedding.shape:
                weight[known] = (spread * found[known]).to(weight)
    return int(known.sum())


def _tables(model: Any) -> list[torch.Tensor]:
    """Token vectors and output layers, of a generator beside the model too."""
    found = []
    for network in (model, generator_of(model)):
        if network is not None:
            head = network.get_output_embeddings()
            found += [token_table(network), *([head.weight] if hasattr(head, "weight") else [])]
    return found
