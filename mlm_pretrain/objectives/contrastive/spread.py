"""How unevenly embeddings lie: what a loss adds so that they use all directions alike.

Formula: H · mean_k (q · k)² over the keys k of other texts, the frame potential of unit vectors (Benedetto
    and Fickus 2003): 1 where directions are used evenly, H where all embeddings are one.
Relations: it is least where the embeddings' second moments are the identity's, as after the whitening that
    Su et al. (2021) apply to finished embeddings. InfoNCE at a low temperature pushes apart what is most
    alike; this pushes away from what most texts share. It knows of no positives and is no loss by itself.

N: texts. K: keys in the bank. H: width of the embeddings, which have length 1.
"""

from __future__ import annotations

import torch


def spread(
    queries_NH: torch.Tensor, keys_NH: torch.Tensor, bank_KH: torch.Tensor | None = None
) -> torch.Tensor:
    """That of each query (N); 0 for a text that is alone.

    Args:
        keys_NH: key i is of the text of query i, and is left out for it.
        bank_KH: keys of further texts.
    """
    alike_NN = (queries_NH @ keys_NH.T).square()
    total_N = alike_NN.sum(1) - alike_NN.diagonal()
    others = len(keys_NH) - 1
    if bank_KH is not None and len(bank_KH):
        total_N = total_N + (queries_NH @ bank_KH.T).square().sum(1)
        others += len(bank_KH)
    return queries_NH.shape[1] * total_N / max(others, 1)
