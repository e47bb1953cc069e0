"""No segment of a packed row attends to another, for every architecture.

Restarted `position_ids` alone do not separate documents in encoders: their mask builder ignores them.
What does is a mask of blocks. It is given as booleans, which only the "sdpa" attention reads rightly
("eager" adds them to the scores as 0 and 1), so other implementations are switched or refused.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say

_LAYER_KINDS = ("full_attention", "sliding_attention")


def packed_inputs(
    model: torch.nn.Module, batch: dict[str, torch.Tensor], is_causal: bool
) -> dict[str, Any]:
    """Turn a batch's layout into what the model's forward takes.

    Args:
        model: any Hugging Face encoder or decoder, unwrapped.
        batch: `input_ids` and either `attention_mask` (returned as is) or, for packed rows,
            `segment_ids` (B, L; 0 is padding) and `position_ids` (B, L).
        is_causal: whether a token sees only what stands to its left.

    Returns:
        Forward arguments. For packed rows `attention_mask` is boolean (B, 1, L, L), or one for each
        kind of layer where the model has sliding windows.
    """
    if "segment_ids" not in batch:
        return dict(batch)
    inputs: dict[str, Any] = {k: v for k, v in batch.items() if k != "segment_ids"}
    inputs["position_ids"] = batch["position_ids"] + position_offset(model)
    inputs["attention_mask"] = _masks(model.config, batch["segment_ids"], is_causal)
    if is_causal:
        inputs["use_cache"] = False
    return inputs


def block_mask(segment_ids_BL: torch.Tensor, is_causal: bool, window: int | None) -> torch.Tensor:
    """True where position i may see position j: (B, 1, L, L).

    `window` limits the distance: |i − j| ≤ window, and i − j < window where attention is causal, as
    `transformers` counts it. Padding forms a segment of its own, so that no row of the mask is empty:
    a softmax over nothing is NaN.
    """
    length = segment_ids_BL.shape[1]
    allowed = segment_ids_BL[:, :, None] == segment_ids_BL[:, None, :]
    if is_causal or window is not None:
        place = torch.arange(length, device=segment_ids_BL.device)
        distance = place[:, None] - place[None, :]
        if is_causal:
            allowed = allowed & (distance >= 0)
        if window is not None:
            allowed = allowed & (distance.abs() < window + (not is_causal))
    return allowed[:, None]


def _masks(config: Any, segment_ids_BL: torch.Tensor, is_causal: bool) -> Any:
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if not kinds and window is not None:  # Mistral: every layer has the window
        return block_mask(segment_ids_BL, is_causal, window)
    full = block_mask(segment_ids_BL, is_causal, None)
    if "sliding_attention" not in kinds:
        return full
    return {
        "full_attention": full,
        "sliding_attention": block_mask(segment_ids_BL, is_causal, window),
    }


def position_offset(model: torch.nn.Module) -> int:
    """The number of a segment's first position: 0, but RoBERTa's family counts past the padding id."""
    embeddings = getattr(model.base_model, "embeddings", None)
    if embeddings is not None and hasattr(embeddings, "create_position_ids_from_input_ids"):
        return int(embeddings.padding_idx) + 1
    return 0


def require_packable(model: torch.nn.Module) -> None:
    """Make sure the model reads boolean block masks.

    Raises:
        InputError: when the model has no "sdpa" attention, or layers that no mask reaches.
    """
    unknown = set(getattr(model.config, "layer_types", None) or ()) - set(_LAYER_KINDS)
    if unknown:
        raise InputError(
            f"{type(model).__name__} has layers of '{min(unknown)}', which packed rows would leak through",
            "choose a model with full or sliding attention alone",
        )
    if model.config._attn_implementation == "sdpa":
        return
    given = model.config._attn_implementation
    with suppress(ValueError, AttributeError):
        model.set_attn_implementation("sdpa")
    if model.config._attn_implementation != "sdpa":  # some models only warn
        raise InputError(
            f"packed rows need 'sdpa' attention, which {type(model).__name__} does not have",
            "train it on unpacked examples",
        )
    say(f"attention: '{given}' cannot separate packed documents; using 'sdpa'")
