"""Negatives from all micro-batches of a step, at the memory of one (Gao et al. 2021, GradCache).

Formula: the loss depends on the weights through the embeddings alone, so ∂L/∂θ = Σ_i ∂L/∂e_i · ∂e_i/∂θ.
    A first pass without gradients gives every e_i, hence L and ∂L/∂e_i; a second pass over each
    micro-batch is then trained on Σ_i e_i · ∂L/∂e_i, with the dropout of its first pass.
Relations: the gradient is that of one batch of all the step's texts, of every process; the price is one more
    forward pass.

N: texts. H: width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch

from mlm_pretrain.objectives.contrastive.processes import of_each_process

Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]


def embedding_gradients(
    parts: Sequence[Pair], nats_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(loss of each text (N), ∂ of all losses' sum by its query (N, H), and by its key (N, H)) of each part.

    Args:
        parts: queries and keys of each micro-batch of this process, without gradients.
        nats_of: (all queries, all keys) of every process → the loss of each text.
    """
    sizes = [len(queries) for queries, _ in parts]
    own = [torch.cat(side).requires_grad_() for side in zip(*parts, strict=True)]
    with torch.enable_grad():
        (queries, rank), (keys, _) = (of_each_process(side) for side in own)
        nats = nats_of(torch.cat(queries), torch.cat(keys))
    gradients = torch.autograd.grad(nats.sum(), own)
    own_nats = nats.detach().split([len(part) for part in queries])[rank]
    columns = [part.split(sizes) for part in (own_nats, *gradients)]
    return [(a, b, c) for a, b, c in zip(*columns, strict=True)]


def carried(
    queries_NH: torch.Tensor,
    keys_NH: torch.Tensor,
    query_gradient_NH: torch.Tensor,
    key_gradient_NH: torch.Tensor,
    total: torch.Tensor,
) -> torch.Tensor:
    """A loss of the value `total` whose gradient is that of the embeddings' parts in the whole loss."""
    product = (queries_NH * query_gradient_NH).sum() + (keys_NH * key_gradient_NH).sum()
    return product + (total - product).detach()


def generator_states(device: torch.device) -> list[torch.Tensor]:
    """Of what dropout draws from there."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


@contextmanager
def drawing_again(states: Sequence[torch.Tensor], device: torch.device) -> Iterator[None]:
    """Draw what was drawn from `states` on, and afterwards go on as if nothing had been drawn."""
    before = generator_states(device)
    try:
        _restore(states, device)
        yield
    finally:
        _restore(before, device)


def _restore(states: Sequence[torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
