"""Embeddings of every process, which may each have another number of texts.

N: texts of this process. H: width.
"""

from __future__ import annotations

import torch
import torch.distributed as dist

from mlm_pretrain.environment import is_in_a_group


def of_each_process(embeddings_NH: torch.Tensor) -> tuple[list[torch.Tensor], int]:
    """(The embeddings of each process, which of them is this one's).

    This process's part is the tensor that was given, with its gradient; the others are constants.
    """
    if not is_in_a_group():
        return [embeddings_NH], 0
    own = torch.tensor([len(embeddings_NH)], device=embeddings_NH.device)
    counts = [torch.zeros_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, own)
    padded = embeddings_NH.new_zeros(max(int(n) for n in counts), embeddings_NH.shape[1])
    padded[: len(embeddings_NH)] = embeddings_NH.detach()
    found = [torch.zeros_like(padded) for _ in counts]
    dist.all_gather(found, padded)
    parts = [part[: int(n)] for part, n in zip(found, counts, strict=True)]
    rank = dist.get_rank()
    parts[rank] = embeddings_NH
    return parts, rank
