"""The head's last layer in fp32, whatever the rest is computed in.

bf16 has three digits: quantities between 2 and 4 would be known to a sixty-fourth, and texts whose scores are
close could no longer be ranked. The layer has an output a class, so that its precision costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from mlm_pretrain.finetune.heads import output_layer


def score_layer(model: Any) -> torch.nn.Linear | None:
    """The last layer behind the model's body with an output a class; None where words are its classes."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # of peft's
    last = output_layer(whole, whole.config.num_labels)
    return None if last is None else last[1]


@contextmanager
def in_fp32(layer: torch.nn.Linear | None) -> Iterator[None]:
    """Inside, `layer` computes its products in fp32, under autocast too."""
    if layer is None:
        yield
        return

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return torch.nn.functional.linear(hidden.float(), layer.weight, layer.bias)

    layer.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.forward
