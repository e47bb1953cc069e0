"""The loss: find a text's other view among those of other texts (van den Oord et al. 2018, InfoNCE).

N: texts. K: keys in the bank. H: width of the embeddings, which have length 1.
"""

from __future__ import annotations

import torch


def info_nce(
    queries_NH: torch.Tensor,
    keys_NH: torch.Tensor,
    temperature: float,
    bank_KH: torch.Tensor | None = None,
    hard_negatives: int = 0,
) -> torch.Tensor:
    """−log of the share that each query's own key has of exp(cosine / temperature) over all keys (N).

    Args:
        keys_NH: key i is the positive of query i, and a negative of all others.
        bank_KH: further negatives.
        hard_negatives: of the bank only so many of the most similar ones count for each query; 0: all.
    """
    logits = queries_NH @ keys_NH.T
    if bank_KH is not None and len(bank_KH):
        past_NK = queries_NH @ bank_KH.T
        if 0 < hard_negatives < len(bank_KH):
            past_NK = past_NK.topk(hard_negatives, dim=1).values
        logits = torch.cat([logits, past_NK], 1)
    own_N = torch.arange(len(queries_NH), device=queries_NH.device)
    return torch.nn.functional.cross_entropy(logits / temperature, own_N, reduction="none")
