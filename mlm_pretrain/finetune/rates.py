"""Lower learning rates for the embeddings, and for the layers below, of a pretrained model.

A few hundred labelled texts hold a few thousand of a vocabulary's words. At the full rate their embeddings
move away from all others, which had been trained together with them, and what is learned on the former holds
less for the latter. Rates that fall towards the input, layer by layer: Howard & Ruder 2018, "ULMFiT"; Clark
et al. 2020, "ELECTRA".
"""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.modeling.few_rows import FewRows

# Measured at 4 layers x 256 on validation, the full rate and a tenth of it, means of two or three seeds:
#                                                                   512 labels     2,000 labels
# question types (accuracy)                                        77.7   79.1      84.5   86.2
# entities (F1)                                                    12.6   14.8      24.7   23.7
# sentiment in words the pretraining text hardly had (accuracy)    65.5   64.2      74.2   71.4
_SLOW_SHARE = 0.1
_FEW_ROWS = 1_024
_NEW_VECTORS = "prompt_encoder"


def default_embedding_rate(rows: int, random_weights: bool) -> float:
    """Share of the learning rate: 0.1 for pretrained embeddings and up to 1,024 training rows, else 1.

    More rows hold most words that the model will meet, and random embeddings have nothing to lose.
    """
    return 1.0 if random_weights or rows > _FEW_ROWS else _SLOW_SHARE


def rate_shares(
    model: torch.nn.Module, embedding_rate: float | None, layer_decay: float
) -> dict[int, float]:
    """Share of the learning rate by the `id` of each weight that does not get all of it.

    With `layer_decay` d the top layer of n gets d, the one below d², …, the embeddings and their norms
    d ** (n + 1); what is above the layers gets it all. `embedding_rate` goes before that for tables.
    """
    shares: dict[int, float] = {}
    layers = _layers(model)
    if layer_decay != 1:
        below = layer_decay ** (len(layers) + 1)
        shares |= {id(p): below for n, p in model.named_parameters() if "embeddings" in n}
        shares |= {id(p): below for p in _tables(model)}
        for depth, layer in enumerate(reversed(layers), start=1):
            shares |= {id(p): layer_decay**depth for p in layer.parameters()}
    if embedding_rate is not None:
        shares |= {id(p): embedding_rate for p in _tables(model)}
    return shares


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers from below: the list of modules with most weights."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    return list(max(lists, key=lambda m: sum(p.numel() for p in m.parameters()), default=[]))


def _tables(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Embeddings that were pretrained; peft holds the vectors of a prompt, which are new, in one too."""
    named = [
        (name, module)
        for name, module in model.named_modules()
        if _NEW_VECTORS not in name.split(".")
    ]
    whole = [module.weight for _, module in named if isinstance(module, torch.nn.Embedding)]
    return whole + [module.rows for _, module in named if isinstance(module, FewRows)]


def apply_shares(optimizer: torch.optim.Optimizer, shares: dict[int, float]) -> None:
    """Give weights their `shares` of their groups' rates, in groups of their own."""
    for group in list(optimizer.param_groups):
        settings: dict[str, Any] = {k: v for k, v in group.items() if k != "params"}
        by_share: dict[float, list[torch.nn.Parameter]] = {}
        for parameter in group["params"]:
            by_share.setdefault(shares.get(id(parameter), 1.0), []).append(parameter)
        group["params"] = by_share.pop(1.0, [])
        for share, parameters in sorted(by_share.items()):
            scaled = {**settings, "params": parameters, "lr": share * group["lr"]}
            optimizer.add_param_group(scaled)
