"""Compiles a model's layers one by one, in place.

Whole-model compilation would freeze the hooks and the head that training changes from step to step; layers
are where the time goes, are alike, and so are compiled once for all. What cannot be compiled in them, such
as packed attention's gathering, runs as it is between compiled parts. The weights' names stay.
"""

from __future__ import annotations

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.layers import layers_of


def compile_layers(model: torch.nn.Module) -> int:
    """Compile each layer for any number of tokens; returns how many there are.

    Raises:
        InputError: when the model's base has no list of layers.
    """
    layers = layers_of(model)
    if layers is None:
        raise InputError(
            f"{type(model).__name__}: has no list of layers to compile", "leave --compile out"
        )
    for layer in layers:
        layer.compile(dynamic=True)
    return len(layers)
