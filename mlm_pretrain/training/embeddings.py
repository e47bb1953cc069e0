"""Gives a fresh model's embeddings their start from the prepared rows."""

from __future__ import annotations

import time
from typing import Any

import torch

from mlm_pretrain.modeling.cooccurrence import SAMPLE_TOKENS, cooccurrence_embeddings
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.progress import say

_BLOCK_TOKENS = 4_000_000
# Standard deviation of the rows. Models draw theirs with 0.02, too little for scores that differ.
SPREAD = 0.08


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
    with torch.no_grad():
        for weight in {id(w): w for w in (embedding, getattr(head, "weight", embedding))}.values():
            if weight.shape == embedding.shape:
                weight[known] = (SPREAD * found[known]).to(weight)
    seconds = time.monotonic() - started
    say(f"embeddings of {int(known.sum()):,} tokens from co-occurrence, in {seconds:.1f} s")
    return seconds
