"""Gives a fresh model's embeddings their start from the prepared rows."""

from __future__ import annotations

import time
from typing import Any

import torch

from mlm_pretrain.modeling.cooccurrence import SAMPLE_TOKENS, cooccurrence_embeddings
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.progress import say

_BLOCK_TOKENS = 4_000_000
# Standard deviation of the first scores: rows drawn with the usual 0.02 give 0.3 at a width of 256, and
# it takes many steps until scores differ. After 0.8 million tokens there: 5.05 nats at 0.3, 4.78 at
# 0.6, 4.64 at 1.3, 4.60 at 2.6, and 5.80 from random rows of 0.02.
SCORE_SPREAD = 2.0


def start_embeddings(model: Any, rows: PackedDataset, tokenizer: Any, seed: int) -> float:
    """Set the token embeddings (and an output layer of their shape) from the rows' co-occurrences.

    Tokens that were hardly seen, and special tokens, keep their random rows.

    Returns:
        Seconds it took, which belong to the run.
    """
    started = time.monotonic()
    embedding = model.get_input_embeddings().weight
    blocks = rows.blocks(SAMPLE_TOKENS, _BLOCK_TOKENS)
    found, known = cooccurrence_embeddings(
        blocks, len(embedding), embedding.shape[1], tokenizer.all_special_ids, seed
    )
    head = model.get_output_embeddings()
    spread = SCORE_SPREAD / embedding.shape[1] ** 0.5  # the states they meet are normalised
    with torch.no_grad():
        for weight in {id(w): w for w in (embedding, getattr(head, "weight", embedding))}.values():
            if weight.shape == embedding.shape:
                weight[known] = (spread * found[known]).to(weight)
    seconds = time.monotonic() - started
    say(f"embeddings of {int(known.sum()):,} tokens from co-occurrence, in {seconds:.1f} s")
    return seconds
