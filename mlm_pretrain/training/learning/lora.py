"""A low-rank change of a model's matrices, put into the model in place; and what is saved of it.

The model keeps its class, so that packed attention and the sparse head see what they know. What is saved as
the model has the change added to its matrices: any folder opens as a plain model that scores as the trained
one does. Beside it stand the matrices before and the factors of the change, from which a training goes on to
the bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.training.checkpoints.weights import reading
from mlm_pretrain.training.learning.config import LoraConfig

LORA_FILE = "lora.safetensors"
_BASE, _FACTORS = ".base_layer.", ".lora_"
_ATTENTION = ("attention", "attn")


def require_peft() -> Any:
    """The library peft.

    Raises:
        InputError: when it is not installed.
    """
    try:
        import peft
    except ImportError:
        raise InputError(
            "lora: needs the library peft, which is not installed",
            "pip install 'mlm-pretrain[adapters]'",
        ) from None
    return peft


def is_of_lora(name: str) -> bool:
    """Whether a weight of this name is a factor of a change."""
    return _FACTORS in name


def inject_lora(model: Any, config: LoraConfig, seed: int) -> None:
    """Put the change into `model`, which scores as before; its factors alone learn from then on.

    Args:
        seed: of the factors that begin at random; the others begin at 0.

    Raises:
        InputError: without peft, or when `targets` names no matrix of the layers.
    """
    peft = require_peft()
    names = target_names(model, config)
    # Whole names: a list would also match what only ends alike, in a generator beside the model.
    whole = "|".join(re.escape(name) for name in names)
    settings = peft.LoraConfig(
        r=config.rank, lora_alpha=config.scale, lora_dropout=0.0, target_modules=whole,
        fan_in_fan_out=_is_transposed(model, names),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(settings, model, adapter_name=config.name)


def target_names(model: Any, config: LoraConfig) -> list[str]:
    """Names of the matrices that are changed, all of them in the base model's layers."""
    prefix = f"{model.base_model_prefix}."
    found = [
        name
        for name, module in model.named_modules()
        if _is_matrix(module) and name.startswith(prefix) and "pooler" not in name
    ]
    wanted: Any = config.targets
    if wanted != "all-linear":
        parts = _ATTENTION if wanted == "attention" else tuple(wanted)
        found = [name for name in found if any(part in name for part in parts)]
    if not found:
        raise InputError(
            f"lora.targets: {config.targets}: {type(model).__name__} has no such matrices in its layers",
            'give "all-linear", or parts of the names of its linear layers',
        )
    return found


def _is_matrix(module: Any) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def _is_transposed(model: Any, names: list[str]) -> bool:
    """Whether the matrices are kept as GPT-2 keeps them."""
    return not isinstance(model.get_submodule(names[0]), torch.nn.Linear)


def lora_layers(model: Any) -> dict[str, Any]:
    """The changed matrices by the names that they had before."""
    modules = getattr(model, "named_modules", dict)
    return {n: m for n, m in dict(modules()).items() if hasattr(m, "lora_A") and m.lora_A}


def merged_state(model: Any, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state of `model` as that of the plain model: with the change in its matrices, under their names."""
    layers = lora_layers(model)
    merged: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        if is_of_lora(name):
            continue
        owner, base, part = name.rpartition(_BASE)
        if base and part == "weight" and owner in layers:
            weight = weight.detach() + change_of(layers[owner])
        merged[f"{owner}.{part}" if base else name] = weight
    return merged


def change_of(layer: Any) -> torch.Tensor:
    """What is added to the matrix of `layer`, shaped as it."""
    (name,) = layer.lora_A
    change: torch.Tensor = layer.get_delta_weight(name).detach()
    return change


def _beside(model: Any) -> dict[str, torch.Tensor]:
    """The matrices before the change, and its factors."""
    layers = lora_layers(model)
    found = {}
    for name, weight in model.state_dict(keep_vars=True).items():
        owner, base, part = name.rpartition(_BASE)
        if is_of_lora(name) or (base and part == "weight" and owner in layers):
            found[name] = weight
    return found


def write_lora(model: Any, folder: Path) -> None:
    """Write what `read_lora` needs, where the model has a change."""
    if found := _beside(model):
        state = {name: weight.detach().cpu().contiguous() for name, weight in found.items()}
        save_file(state, folder / LORA_FILE, metadata={"format": "pt"})


def read_lora(model: Any, folder: Path) -> None:
    """Load what `write_lora` wrote into a model with a change of the same shape, if it has one.

    Raises:
        InputError: when it is missing, damaged, or of another change.
    """
    own = _beside(model)
    if not own:
        return
    path = folder / LORA_FILE
    with reading(path):
        state = load_file(path)
    shapes = [{name: part.shape for name, part in found.items()} for found in (own, state)]
    if shapes[0] != shapes[1]:
        raise InputError(f"{path}: of another change than lora asks for", "give lora as it was")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(state[name])
