"""Leaves weights of a model as they are: layers, embeddings, or all but what is added to them."""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.layers import embedding_tables, layers_of, writes_what_it_reads
from mlm_pretrain.training.learning.config import TrainsConfig


def leave_out(model: Any, trains: TrainsConfig) -> None:
    """Freeze what `trains` does not name.

    Raises:
        InputError: for layers that the model does not have.
    """
    if trains.is_all:
        return
    layers = list(layers_of(model) or [])
    if writes_what_it_reads(model) or not layers:
        raise InputError(
            f"trains.layers: {type(model).__name__} has no one list of layers to choose from",
            "leave trains out, or choose an encoder or a decoder",
        )
    chosen = trains.chosen(len(layers))
    if wrong := [number for number in chosen if not 0 <= number < len(layers)]:
        raise InputError(
            f"trains.layers: {trains.layers} reaches to layer {min(wrong)}",
            f"the model has {len(layers)}: 0 to {len(layers) - 1}",
        )
    for number, layer in enumerate(layers):
        layer.requires_grad_(number in chosen)
    if not trains.embeddings:
        for weight in embedding_weights(model):
            weight.requires_grad_(False)


def embedding_weights(model: Any) -> list[torch.nn.Parameter]:
    """Tables of tokens, positions and kinds of segment, and the norm that stands with them."""
    tables = embedding_tables(model)
    inner = {id(p) for layer in layers_of(model) or [] for p in layer.parameters()}
    base = model.base_model
    # The module of all of them, where there is one: `embeddings` of BERT and ModernBERT.
    beside = getattr(base, "embeddings", torch.nn.Module())
    found = [*(p for p in base.parameters() if id(p) in tables), *beside.parameters()]
    return list({id(p): p for p in found if id(p) not in inner}.values())


def head_weights(model: Any) -> dict[str, torch.nn.Parameter]:
    """What lies outside the base model, the heads of objectives with it; tied weights are the base's."""
    base = {id(p) for p in model.base_model.parameters()}
    return {name: p for name, p in model.named_parameters() if id(p) not in base}
