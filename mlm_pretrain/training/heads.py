"""What an objective trains beside the model: attached to it, and saved apart from it.

As a part of the model it is optimised, moved and wrapped like any other. In files it stands beside the
model's own weights, so that these stay what `from_pretrained` expects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mlm_pretrain.modeling.attention.choosing import own_attention
from mlm_pretrain.objectives import Objective
from mlm_pretrain.training.checkpoints.weights import reading
from mlm_pretrain.training.learning.choosing import head_weights
from mlm_pretrain.training.learning.lora import is_of_lora, lora_layers, merged_state

NAME = "pretraining_heads"
HEADS_FILE = "heads.safetensors"
GENERATOR_FOLDER = "generator"  # of an exported model: the model that was trained beside it


def attach_heads(model: Any, objective: Objective, vocabulary: Any, config: Any, seed: int) -> None:
    """Give `model` what `objective` needs beside it, once; its weights depend on `seed` alone."""
    if objective.heads is None or hasattr(model, NAME):
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = objective.heads(model, vocabulary, config)
    if not objective.trains_head:
        _freeze_head(model)
    model.add_module(NAME, heads.to(next(model.parameters()).device))


def _freeze_head(model: Any) -> None:
    """The model's output layer gets no gradient, and several processes would wait for one."""
    for weight in head_weights(model).values():
        weight.requires_grad_(False)


def generator_of(model: Any) -> Any:
    """The masked model that is trained beside `model`; None where there is none."""
    return getattr(getattr(model, NAME, None), "generator", None)


def fresh_generator_of(model: Any) -> Any:
    """The same, where it begins untrained."""
    begins_fresh = getattr(getattr(model, NAME, None), "begins_fresh", False)
    return generator_of(model) if begins_fresh else None


def masked_share_of(model: Any) -> float | None:
    """Of the tokens that such a generator fills for `model` to judge; None where it is not known."""
    heads = getattr(model, NAME, None)
    share: float | None = getattr(heads, "masked_share", None)
    return share if fresh_generator_of(model) is not None else None


def is_of_heads(name: str) -> bool:
    """Whether a weight of this name belongs to the heads."""
    return name.startswith(f"{NAME}.")


def count_parameters(model: Any) -> int:
    """The model's own, without what is only trained beside it."""
    own = {n: p for n, p in model.named_parameters() if not (is_of_heads(n) or is_of_lora(n))}
    return sum(p.numel() for p in own.values())


def count_learning(model: Any) -> int:
    """Weights that training changes, with those beside the model; of a table all rows."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def own_state(model: Any) -> dict[str, torch.Tensor] | None:
    """The plain model's weights: without heads, and with what is added to its matrices in them. None where
    the model is the plain one."""
    has_heads, has_change = hasattr(model, NAME), bool(lora_layers(model))
    if not has_heads and not has_change:
        return None
    own = _parts(model)[0] if has_heads else model.state_dict(keep_vars=True)
    plain = merged_state(model, own) if has_change else own
    return {name: weight.detach() for name, weight in plain.items()}


def _parts(model: Any) -> tuple[Mapping[str, torch.Tensor], dict[str, torch.Tensor]]:
    """(what is saved as the model's own, what is saved beside it), each tensor once.

    Weights that the heads share with the model are the model's, unless the heads fold them into others.
    """
    heads, whole = getattr(model, NAME), model.state_dict(keep_vars=True)
    own = {name: weight for name, weight in whole.items() if not name.startswith(f"{NAME}.")}
    if hasattr(heads, "fold"):
        own = heads.fold(own)
    seen, beside = {id(weight) for weight in own.values()}, dict[str, torch.Tensor]()
    for name, weight in heads.state_dict(keep_vars=True).items():
        if id(weight) not in seen:
            seen.add(id(weight))
            beside[name] = weight
    return own, beside


def write_heads(model: Any, folder: Path) -> None:
    """Write the heads, where there are any, as `folder`/heads.safetensors."""
    heads = getattr(model, NAME, None)
    if heads is not None:
        beside = _parts(model)[1].items()
        state = {name: weight.detach().cpu().contiguous() for name, weight in beside}
        # One entry alone: several would be written in any order, and the file would not be the same twice.
        generator = generator_of(model)
        fact = (
            {"generator": generator.config.to_json_string()}
            if generator is not None
            else {"format": "pt"}
        )
        save_file(state, folder / HEADS_FILE, metadata=fact)


def read_heads(model: Any, folder: Path) -> None:
    """Load what `write_heads` wrote.

    Raises:
        InputError: when it is missing, damaged, or of other heads.
    """
    heads = getattr(model, NAME, None)
    if heads is None:
        return
    path = folder / HEADS_FILE
    with reading(path):
        state = load_file(path)
        if differing := state.keys() ^ _parts(model)[1].keys():
            raise RuntimeError(f"of other heads: {min(differing)}")
        heads.load_state_dict(state, strict=False)  # what it shares with the model is there already


def carry_heads(
    model: Any, folder: Path, same_objective: bool
) -> tuple[frozenset[str], list[str], list[str]]:
    """Load what `write_heads` wrote for another run, as far as this model has the same heads.

    Heads that belong together are taken whole or not at all: those of an objective, or of a part of several.

    Args:
        same_objective: whether the other run had this model's objective, or the same several.

    Returns:
        Names of the model's parameters that are not of heads that begin anew; heads that do; heads in
        `folder` that the model has no use for.
    """
    heads, path = getattr(model, NAME, None), folder / HEADS_FILE
    state = {}
    if path.is_file():
        with reading(path):
            state = load_file(path)
    wanted = {} if heads is None else _parts(model)[1]
    given, asked = _units(state, heads), _units(wanted, heads)
    alike = [unit for unit, part in asked.items() if _shapes(part) == _shapes(given.get(unit, {}))]
    # Shapes alone do not tell what a number was learnt for, the name of a part does.
    parts = dict(heads.named_children()) if isinstance(heads, torch.nn.ModuleDict) else {}
    same = [unit for unit in alike if same_objective or unit in parts]
    if heads is not None:
        taken = {name: weight for unit in same for name, weight in given[unit].items()}
        heads.load_state_dict(taken, strict=False)
    fresh = sorted(unit for unit in asked if unit not in same)
    anew = {f"{NAME}.{name}" for unit in fresh for name in asked[unit]}
    names = {name for name, _ in model.named_parameters()}
    return frozenset(names - anew), fresh, sorted(given.keys() - asked.keys())


def _units(state: Mapping[str, torch.Tensor], heads: Any) -> dict[str, dict[str, torch.Tensor]]:
    """Weights that only make sense together, under a name for a person."""
    units: dict[str, dict[str, torch.Tensor]] = {}
    for name, weight in state.items():
        unit = name.partition(".")[0] if isinstance(heads, torch.nn.ModuleDict) else "all"
        units.setdefault(unit, {})[name] = weight
    return units


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in state.items()}


def read_generator(model: Any, folder: Path) -> Any:
    """The generator that was trained beside `model` (as `from_pretrained` opens it), saved in `folder`.

    Raises:
        InputError: when it is missing or damaged.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM

    path, prefix = folder / HEADS_FILE, "generator."
    with reading(path):
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["generator"])
        state = {
            name.removeprefix(prefix): weight
            for name, weight in load_file(path).items()
            if name.startswith(prefix)
        }
        with torch.random.fork_rng(devices=[]):
            config = AutoConfig.for_model(**settings)
            generator = AutoModelForMaskedLM.from_config(
                config, attn_implementation=own_attention("AutoModelForMaskedLM", config)
            )
        generator.load_state_dict(state, strict=False)  # tied weights are there once
    table, weights = generator.get_input_embeddings().weight, generator.state_dict(keep_vars=True)
    if not any(weights[name] is table for name in state):  # one for both, saved as the model's
        with torch.no_grad():
            table.copy_(model.get_input_embeddings().weight)
    return generator.float().eval()


def export_heads(objective: Objective, source: Path, out: Path) -> None:
    """Copy what is of use after training from `source`'s heads to `out`'s, where there is anything."""
    if not objective.exported_heads:
        return
    with reading(source / HEADS_FILE):
        found = load_file(source / HEADS_FILE)
    kept = {n: w for n, w in found.items() if n.startswith(objective.exported_heads)}
    if kept:
        save_file(kept, out / HEADS_FILE, metadata={"format": "pt"})
