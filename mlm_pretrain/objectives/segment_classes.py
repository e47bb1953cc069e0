"""Beside filling gaps, tell of which class a segment is: what `order` and `next_sentence` have in common.

The class is read from the state of the segment's first token. An objective's second term gives the labels and
the head their name: `NAME_labels` (B, L) hold the class at first tokens, and −100 where nothing is asked.
"""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes
from mlm_pretrain.objectives.token_loss import IGNORED

MASKED = "masked"


def class_head(model: Any, name: str, classes: int) -> torch.nn.ModuleDict:
    """From the state of a segment's first token to the scores of its classes, as in BERT's classifiers."""
    width = model.config.hidden_size
    dense, scores = torch.nn.Linear(width, width), torch.nn.Linear(width, classes)
    return torch.nn.ModuleDict({name: torch.nn.Sequential(dense, torch.nn.Tanh(), scores)})


def class_loss(scores_NK: torch.Tensor, classes_N: torch.Tensor) -> torch.Tensor:
    """Cross-entropy summed over N segments of their classes among K, in float32."""
    return torch.nn.functional.cross_entropy(scores_NK.float(), classes_N, reduction="sum")


def count(objective: Objective, batch: Batch) -> dict[str, int]:
    """Tokens predicted, and segments whose class is asked for."""
    name = objective.terms[1]
    labels = {MASKED: batch["labels"], name: batch[f"{name}_labels"]}
    return {term: int((found != IGNORED).sum()) for term, found in labels.items()}


def loss(objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: Any) -> Found:
    """Both means over the step, from one forward pass."""
    name = objective.terms[1]
    flat = batch[f"{name}_labels"].flatten()
    firsts_N = torch.nonzero(flat != IGNORED).flatten()
    found = passes.predict(batch, objective, reads=firsts_N)
    nats = class_loss(passes.heads[name](found.states_NH), flat[firsts_N])
    weight = objective.weights(config)[name] / max(counts[name], 1)
    total = found.total / max(counts[MASKED], 1) + weight * nats
    return Found(total, {MASKED: found.total.detach(), name: nats.detach()}, found)
