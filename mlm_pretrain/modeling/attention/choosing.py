"""Gives a model packed attention, or block masks where it does not read the attention interface."""

from __future__ import annotations

from contextlib import suppress
from inspect import signature
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.methods import implementation_name, is_packed_implementation
from mlm_pretrain.modeling.attention.rows import NAME as ROWS
from mlm_pretrain.modeling.attention.speed import default_method
from mlm_pretrain.progress import say

_STOCK = "sdpa"
_LAYER_KINDS = ("full_attention", "sliding_attention")
# Attention that reads masks, and the form in which it does (see `masks.shaped`), in the order of trial.
_READINGS = (("sdpa", "flags"), ("eager", "added"), ("eager", "numbers"))


def own_attention(auto_class: str, config: Any) -> str:
    """What a model is built with: "sdpa", or "eager" where its class has no other.

    Said in every case, since a config may name what this machine has not.
    """
    import transformers

    kind = getattr(transformers, auto_class)._model_mapping.get(type(config), None)
    return "sdpa" if getattr(kind, "_supports_sdpa", True) else "eager"


def require_packable(model: torch.nn.Module, method: str | None = None) -> None:
    """Make sure the model keeps packed segments apart, by `method` where it can.

    Without one it is what serves every precision here (`speed.default_method`). A model for which this was
    decided before keeps what it has unless another is asked for.

    Raises:
        InputError: when the model reads neither borders nor masks, or has layers that neither reaches.
    """
    unknown = set(getattr(model.config, "layer_types", None) or ()) - set(_LAYER_KINDS)
    if unknown:
        raise InputError(
            f"{type(model).__name__} has layers of '{min(unknown)}', which packed rows would leak through",
            "choose a model with full or sliding attention alone",
        )
    # A proof by short rows would turn it off for good.
    if getattr(model.config, "attention_type", "") == "block_sparse":
        raise InputError(
            f"{type(model).__name__} attends by blocks of a row, whatever documents they are of",
            "choose a model with full or sliding attention alone",
        )
    if method is None and is_decided(model):
        return
    given = model.config._attn_implementation
    wanted = method or default_method(torch.float32)
    if wanted == "masks" or not set_implementation(model, implementation_name(wanted)):
        use_masks(model, given)


def attend_quickly(model: Any) -> None:
    """Let a model of padded rows that attends by "sdpa" do so by `rows`; another stays as it is."""
    is_stock = model.config._attn_implementation == _STOCK
    if is_stock and not set_implementation(model, ROWS):
        set_implementation(model, _STOCK)


def use_masks(model: torch.nn.Module, given: str) -> None:
    """Block masks, in the first form that the model may read.

    Raises:
        InputError: when there is none.
    """
    model._block_masks, model._keeps_apart = "", False
    if not fall_back(model, given):
        raise InputError(
            f"packed rows need 'sdpa' or 'eager' attention, which {type(model).__name__} does not have",
            "choose another architecture, such as modernbert, bert or llama",
        )


def fall_back(model: torch.nn.Module, given: str) -> bool:
    """Whether the model can be given masks in another form than it has; it is."""
    forms = [form for _, form in _READINGS]
    had = mask_form(model)
    for name, form in _READINGS[forms.index(had) + 1 if had else 0 :]:
        if not set_implementation(model, name):  # some models only warn
            continue
        if not had and given != name and not is_packed_implementation(given):
            say(f"attention: '{given}' cannot separate packed documents; using '{name}' with masks")
        model._block_masks = form
        free_embeddings(model)
        return True
    return False


def free_embeddings(model: torch.nn.Module) -> None:
    """DeBERTa also multiplies the tokens' vectors with its mask, so that those of padding are zero. No token
    sees padding in packed rows, and block masks have another shape."""
    embeddings = getattr(model.base_model, "embeddings", None)
    if embeddings is None or "mask" not in signature(embeddings.forward).parameters:
        return
    if _without_block_mask not in embeddings._forward_pre_hooks.values():
        embeddings.register_forward_pre_hook(_without_block_mask, with_kwargs=True)


def has_own_attention(model: torch.nn.Module) -> bool:
    """Whether the model reads masks by code of its own, which may not be made for every precision."""
    return model.config._attn_implementation == "eager" and bool(mask_form(model))


def mask_form(model: torch.nn.Module) -> str:
    """The form of the masks that the model is given; empty where it reads borders, or nobody has looked."""
    form: str = getattr(model, "_block_masks", "")
    return form if (model.config._attn_implementation, form) in _READINGS else ""


def _without_block_mask(
    module: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    mask = named.get("mask")
    is_of_blocks = mask is not None and mask.dim() > 2
    return given, {**named, "mask": None} if is_of_blocks else named


def is_decided(model: torch.nn.Module) -> bool:
    """Whether the model's packed attention, or its block masks, have been chosen already.

    Of masks for "eager" attention that takes a proof: one model reads as 1 what another reads as 0.
    """
    form = mask_form(model)
    is_shown = form == "flags" or (bool(form) and getattr(model, "_keeps_apart", False))
    return is_packed_implementation(model.config._attn_implementation) or is_shown


def leave_unpacked(model: torch.nn.Module, implementation: str) -> None:
    """Back to the attention that the model came with, for rows that are not packed."""
    set_implementation(model, implementation)
    model._block_masks, model._keeps_apart = "", False


def set_implementation(model: torch.nn.Module, name: str) -> bool:
    """Whether the model now computes its attention by `name`."""
    with suppress(ValueError, AttributeError):
        model.set_attn_implementation(name)
    return bool(model.config._attn_implementation == name)


def method_of(model: torch.nn.Module) -> str:
    """The method that the model's attention is computed by; "masks" where it takes rows."""
    name = str(model.config._attn_implementation)
    return name.removeprefix(implementation_name("")) if is_packed_implementation(name) else "masks"
