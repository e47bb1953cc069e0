"""Compiles a model's layers one by one, in place.

Whole-model compilation would freeze the hooks and the head that training changes from step to step; layers
are where the time goes, are alike, and so are compiled once for all. What cannot be compiled in them, such
as packed attention's gathering, runs as it is between compiled parts. The weights' names stay.

Compiled code is fastest for the shapes it was made for, so batches of one shape are given to such a model
with their padding, and with a number of predicted tokens that hardly ever changes: behind the layers it is
not compiled, but kernels and memory are chosen by shape there too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.layers import layers_of


def compile_layers(model: torch.nn.Module) -> int:
    """Compile each layer for the shapes it meets; returns how many layers there are.

    Raises:
        InputError: when the model's base has no list of layers.
    """
    layers = layers_of(model)
    if layers is None:
        raise InputError(
            f"{type(model).__name__}: has no list of layers to compile", "leave --compile out"
        )
    for layer in layers:
        layer.compile()
    return len(layers)


def is_compiled(model: torch.nn.Module) -> bool:
    """Whether `compile_layers` was here."""
    return any(layer._compiled_call_impl is not None for layer in layers_of(model) or ())


def uncompiled() -> AbstractContextManager[Any]:
    """Inside, compiled layers run as they were written: a trial on a few tokens is not worth compiling for,
    and would leave behind code for shapes that change."""
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def as_written(model: torch.nn.Module) -> AbstractContextManager[Any]:
    """Inside, `model` runs uncompiled, where it is compiled."""
    return uncompiled() if is_compiled(model) else nullcontext()
