"""Gives what a checkpoint lacked its start, from the prepared rows and from the checkpoint.

A head for masked or next tokens gets how frequent each token is. A generator beside the checkpoint gets that
too, and the checkpoint's first layers; the head that judges what it fills gets how much that is.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch

from mlm_pretrain.modeling.build import lacked_weights
from mlm_pretrain.modeling.layers import token_table
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.curriculum.rows import count_tokens
from mlm_pretrain.training.heads import fresh_generator_of, masked_share_of
from mlm_pretrain.training.learning.choosing import head_weights


def continued_start(model: Any, rows: PackedDataset, unpredicted: list[int]) -> float:
    """Set what can be known before the first step; returns the seconds it took, part of the run.

    Args:
        unpredicted: ids that are never to be predicted, however frequent.
    """
    started = time.monotonic()
    start_generator(model)
    start_odds(model)
    start_frequencies(model, rows, unpredicted)
    return time.monotonic() - started


def start_frequencies(model: Any, rows: PackedDataset, unpredicted: list[int]) -> int:
    """Set the head's numbers for the tokens, where the checkpoint lacked them, to log frequencies.

    An optimiser changes them by its rate a step, thousands of times too little at a checkpoint's, and the
    layers would learn in their place to say which tokens are frequent. all-MiniLM-L6-v2 begins on
    biomedical abstracts at 7.8 nats a masked token and not at 11.4.

    Args:
        unpredicted: ids that are never to be predicted, however frequent.

    Returns:
        Heads that were set.
    """
    numbers = {id(weight): weight for weight in _numbers(model)}
    if not numbers:
        return 0
    entries = len(token_table(model))
    counts, found = np.ones(entries), count_tokens(rows)
    counts[: len(found)] += found  # a table may have more rows than there are tokens
    counts[unpredicted] = 1
    logs = torch.from_numpy(np.log(counts) - np.log(counts).mean())
    with torch.no_grad():
        for weight in numbers.values():
            weight.copy_(logs)
    return len(numbers)


def _numbers(model: Any) -> list[torch.Tensor]:
    """One for each token, of heads that nobody has trained."""
    names, shape = set(lacked_weights(model)), (len(token_table(model)),)
    own = [p for name, p in model.named_parameters(remove_duplicate=False) if name in names]
    beside = fresh_generator_of(model)
    others = [] if beside is None else list(head_weights(beside).values())
    return [weight for weight in (*own, *others) if weight.shape == shape]


def start_odds(model: Any) -> None:
    """Let a head that tells replaced tokens, where the checkpoint lacked it, begin with how many there are
    beside a fresh generator: of two scores, or of one, at the logarithm of their odds."""
    share, names = masked_share_of(model), set(lacked_weights(model))
    if share is None:
        return
    lacked = [weight for name, weight in model.named_parameters() if name in names]
    with torch.no_grad():
        for weight in lacked:
            if weight.shape in ((1,), (2,)):
                weight.zero_()
                weight[-1] = math.log(share / (1 - share))


def start_generator(model: Any) -> None:
    """Give a fresh generator the first layers of the checkpoint that it stands beside."""
    generator = fresh_generator_of(model)
    if generator is None:
        return
    own = model.base_model.state_dict()
    table = token_table(generator)  # has the vectors already, in one of three ways
    with torch.no_grad():
        for name, weight in generator.base_model.named_parameters():
            if weight is not table and name in own and own[name].shape == weight.shape:
                weight.copy_(own[name])
