"""Gives what is fresh of a model its start: from the prepared rows, and from the checkpoint.

A model gets embeddings, and heads that look at neighbours; a head that a checkpoint lacked gets how frequent
each token is, and so does a generator beside a checkpoint, after that one's first layers.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from mlm_pretrain.modeling.build import lacked_weights
from mlm_pretrain.modeling.cooccurrence import SAMPLE_TOKENS, cooccurrence_embeddings
from mlm_pretrain.modeling.layers import token_table
from mlm_pretrain.modeling.neighbour_attention import start_at_neighbours
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.progress import say
from mlm_pretrain.training.curriculum.rows import count_tokens
from mlm_pretrain.training.heads import fresh_generator_of, generator_of

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


def start_frequencies(model: Any, rows: PackedDataset, unpredicted: list[int]) -> float:
    """Set the head's numbers for the tokens, where the checkpoint lacked them, to log frequencies.

    An optimiser changes them by its rate a step, thousands of times too little at a checkpoint's, and the
    layers would learn in their place to say which tokens are frequent. all-MiniLM-L6-v2 begins on
    biomedical abstracts at 7.8 nats a masked token and not at 11.4.

    Args:
        unpredicted: ids that are never to be predicted, however frequent.

    Returns:
        The seconds it took.
    """
    started = time.monotonic()
    numbers = {id(weight): weight for weight in _numbers(model)}
    if not numbers:
        return 0.0
    entries = len(token_table(model))
    counts, found = np.ones(entries), count_tokens(rows)
    counts[: len(found)] += found  # a table may have more rows than there are tokens
    counts[unpredicted] = 1
    logs = torch.from_numpy(np.log(counts) - np.log(counts).mean())
    with torch.no_grad():
        for weight in numbers.values():
            weight.copy_(logs)
    return time.monotonic() - started


def _numbers(model: Any) -> list[torch.Tensor]:
    """One for each token, of heads that nobody has trained."""
    names, shape = set(lacked_weights(model)), (len(token_table(model)),)
    own = [p for name, p in model.named_parameters(remove_duplicate=False) if name in names]
    beside = fresh_generator_of(model)
    others = [] if beside is None else list(beside.parameters())
    return [weight for weight in (*own, *others) if weight.shape == shape]


def start_generator(model: Any) -> int:
    """Give a fresh generator the first layers of the checkpoint that it stands beside.

    Returns:
        Weights that were set, each a matrix or a vector.
    """
    generator = fresh_generator_of(model)
    if generator is None:
        return 0
    own, its = model.base_model.state_dict(), dict(generator.base_model.named_parameters())
    table = token_table(generator)  # has the vectors already, in one of three ways
    known = [
        name
        for name, weight in its.items()
        if weight is not table and name in own and own[name].shape == weight.shape
    ]
    with torch.no_grad():
        for name in known:
            its[name].copy_(own[name])
    return len(known)


def _tables(model: Any) -> list[torch.Tensor]:
    """Token vectors and output layers, of a generator beside the model too."""
    found = []
    for network in (model, generator_of(model)):
        if network is not None:
            head = network.get_output_embeddings()
            found += [token_table(network), *([head.weight] if hasattr(head, "weight") else [])]
    return found
