"""Scores for the predicted positions alone, whatever the head is called.

A masked-LM head costs as much as several layers, and most of its rows are thrown away. Keeping only
the predicted rows of the encoder's output before the head sees them serves every architecture by one
mechanism, since all of them pass `last_hidden_state` from base model to head. It works under
DistributedDataParallel too, because the wrapped model is still called as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def predict_only(model: torch.nn.Module, positions_P: torch.Tensor) -> Iterator[None]:
    """Inside, `model(**inputs).logits` is (1, P, V): the scores at flat `positions_P` of B·L.

    Args:
        model: the unwrapped Hugging Face model with a language-modelling head.
        positions_P: int64, on the model's device.
    """

    def keep_predicted(_module: Any, _arguments: Any, output: Any) -> Any:
        hidden_BLH = output[0]
        kept_1PH = hidden_BLH.flatten(0, 1).index_select(0, positions_P).unsqueeze(0)
        if isinstance(output, tuple):
            return (kept_1PH, *output[1:])
        output.last_hidden_state = kept_1PH
        return output

    handle = model.base_model.register_forward_hook(keep_predicted)
    try:
        yield
    finally:
        handle.remove()
