"""Gives a model packed attention, or block masks where it does not read the attention interface."""

from __future__ import annotations

from contextlib import suppress

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.methods import implementation_name, is_packed_implementation
from mlm_pretrain.modeling.attention.speed import default_method
from mlm_pretrain.progress import say

_LAYER_KINDS = ("full_attention", "sliding_attention")
MASKS = "sdpa"


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
    if method is None and is_decided(model):
        return
    given = model.config._attn_implementation
    wanted = method or default_method(torch.float32)
    if wanted == "masks" or not set_implementation(model, implementation_name(wanted)):
        use_masks(model, given)


def use_masks(model: torch.nn.Module, given: str) -> None:
    """Block masks on "sdpa" attention.

    Raises:
        InputError: when the model does not have it.
    """
    if not set_implementation(model, MASKS):  # some models only warn
        raise InputError(
            f"packed rows need 'sdpa' attention, which {type(model).__name__} does not have",
            "train it on unpacked examples",
        )
    if given != MASKS and not is_packed_implementation(given):
        say(f"attention: '{given}' cannot separate packed documents; using '{MASKS}' with masks")
    # "sdpa" alone would not tell it from a model that nobody has looked at.
    model._takes_block_masks = True


def is_decided(model: torch.nn.Module) -> bool:
    """Whether the model's packed attention, or its block masks, have been chosen already."""
    name = model.config._attn_implementation
    has_masks = name == MASKS and getattr(model, "_takes_block_masks", False)
    return is_packed_implementation(name) or has_masks


def leave_unpacked(model: torch.nn.Module, implementation: str) -> None:
    """Back to the attention that the model came with, for rows that are not packed."""
    set_implementation(model, implementation)
    model._takes_block_masks = False


def set_implementation(model: torch.nn.Module, name: str) -> bool:
    """Whether the model now computes its attention by `name`."""
    with suppress(ValueError, AttributeError):
        model.set_attn_implementation(name)
    return bool(model.config._attn_implementation == name)


def method_of(model: torch.nn.Module) -> str:
    """The method that the model's attention is computed by; "masks" where it takes rows."""
    name = str(model.config._attn_implementation)
    return name.removeprefix(implementation_name("")) if is_packed_implementation(name) else "masks"
