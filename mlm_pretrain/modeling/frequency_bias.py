"""A new model starts out knowing how frequent each token is.

The first tenth of a short run goes into learning the token frequencies, which are simply counted. Put
into the output layer's bias as log-probabilities they leave the whole run to what context tells. (The
same is done for rare classes in Lin et al. 2017, "Focal loss", section 4.1.)
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray


def token_counts(rows: Iterable[NDArray[np.int64]], size: int) -> NDArray[np.int64]:
    """How often each of `size` ids occurs in the rows (V)."""
    counts_V = np.zeros(size, dtype=np.int64)
    for ids_T in rows:
        counts_V += np.bincount(ids_T, minlength=size)
    return counts_V


def set_frequency_bias(model: torch.nn.Module, counts_V: NDArray[np.int64]) -> bool:
    """Set the output bias to the log-frequency of each token, one count added to all.

    Returns:
        False where the model's output layer has no bias (most decoders), which is then left as it is.
    """
    output = model.get_output_embeddings()
    bias = getattr(output, "bias", None)
    if bias is None:
        return False
    share_V = torch.from_numpy((counts_V + 1) / (counts_V.sum() + len(counts_V)))
    with torch.no_grad():
        bias[: len(share_V)].copy_(share_V.log())
    return True
