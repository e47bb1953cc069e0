"""Which optimiser updates which parameters."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

import torch

from mlm_pretrain.modeling.layers import embedding_tables
from mlm_pretrain.training.heads import NAME, generator_of, is_of_heads
from mlm_pretrain.training.learning.lora import is_of_lora
from mlm_pretrain.training.muon import MuonAdamW

OptimizerName = Literal["adamw", "muon"]

# Fused matrices, by a part of their name: how many matrices are stacked in their rows.
_FUSED_ROWS = {"Wqkv": 3, "mlp.Wi": 2}


def build_optimizer(
    model: torch.nn.Module,
    name: OptimizerName,
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.98),
) -> torch.optim.Optimizer:
    """AdamW for all, or Muon for the hidden layers' matrices and AdamW for the rest.

    Vectors (norms, biases) are not decayed: pulling a scale to zero is no simpler a model. The
    embeddings and the head keep AdamW under Muon too: their rows are looked up, not multiplied. So do the
    factors of a low-rank change: what matters is their product.

    The groups know the parameters' names, so that a state can be carried on into another run's optimiser.
    """
    grouped: dict[tuple[int, float], list[tuple[str, torch.nn.Parameter]]] = defaultdict(list)
    hidden = _hidden_matrices(model)
    for parameter_name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        blocks = 0
        if name == "muon" and parameter_name in hidden:
            blocks = _row_blocks(parameter_name)
        decay = weight_decay if parameter.dim() >= 2 else 0.0
        grouped[blocks, decay].append((parameter_name, parameter))
    groups: list[dict[str, Any]] = [
        {"params": parameters, "blocks": blocks, "weight_decay": decay}
        for (blocks, decay), parameters in grouped.items()
    ]
    if name == "muon":
        return MuonAdamW(groups, lr=learning_rate, betas=betas)
    plain = [{k: v for k, v in group.items() if k != "blocks"} for group in groups]
    return torch.optim.AdamW(plain, lr=learning_rate, betas=betas, fused=True)


def _hidden_matrices(model: torch.nn.Module) -> set[str]:
    """Names of the 2-D weights inside the base model's layers, and those of a generator beside it."""
    output = getattr(model, "get_output_embeddings", lambda: None)()
    left_out = embedding_tables(model) | {id(getattr(output, "weight", None))}
    # By identity: an encoder with a decoder may be its own base, which then has no prefix.
    inner = {id(p) for p in model.base_model.parameters() if p.dim() == 2} - left_out
    found = {
        name
        for name, parameter in model.named_parameters()
        if id(parameter) in inner and not is_of_heads(name) and not is_of_lora(name)
    }
    if (generator := generator_of(model)) is not None:
        found |= {f"{NAME}.generator.{name}" for name in _hidden_matrices(generator)}
    return found


def _row_blocks(name: str) -> int:
    return next((count for part, count in _FUSED_ROWS.items() if part in name), 1)
