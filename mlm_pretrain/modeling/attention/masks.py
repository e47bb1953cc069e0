"""Block masks, for models that the attention interface does not reach.

Restarted `position_ids` alone do not separate documents in encoders: their mask builder ignores them.
What does is a mask of blocks, in the form that a model's attention reads (`shaped`): "sdpa" reads booleans;
"eager" adds what it is given to the scores; and some models that have "eager" alone make what they add out of
0 and 1 themselves.
"""

from __future__ import annotations

from typing import Any

import torch


def block_mask(
    segment_ids_BL: torch.Tensor, is_causal: bool | torch.Tensor, window: int | None
) -> torch.Tensor:
    """True where position i may see position j: (B, 1, L, L).

    `window` limits the distance: |i − j| ≤ window, and i − j < window where attention is causal, as
    `transformers` counts it. Padding forms a segment of its own, so that no row of the mask is empty:
    a softmax over nothing is NaN. Where `is_causal` says it for each row (B), all reach equally far.
    """
    if isinstance(is_causal, torch.Tensor):
        both = block_mask(segment_ids_BL, False, window)
        left = near(segment_ids_BL.shape[1], True, None, both.device)
        return both & (left | ~is_causal[:, None, None, None])
    length = segment_ids_BL.shape[1]
    allowed = segment_ids_BL[:, :, None] == segment_ids_BL[:, None, :]
    if is_causal or window is not None:
        reach = None if window is None else window + (not is_causal)
        allowed = allowed & near(length, is_causal, reach, segment_ids_BL.device)
    return allowed[:, None]


def near(length: int, is_causal: bool, window: int | None, device: torch.device) -> torch.Tensor:
    """True (length, length) where the distance is below `window`, and not ahead where causal."""
    place = torch.arange(length, device=device)
    distance = place[:, None] - place[None, :]
    allowed = torch.ones_like(distance, dtype=torch.bool)
    if is_causal:
        allowed &= distance >= 0
    if window is not None:
        allowed &= distance.abs() < window
    return allowed


def block_masks(
    config: Any, segment_ids_BL: torch.Tensor, is_causal: bool | torch.Tensor, form: str = "flags"
) -> Any:
    """The mask for every layer of a model, or one for each kind of layer where it has windows.

    Args:
        form: of the masks (see `shaped`).
    """
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if not kinds and window is not None:  # Mistral: every layer has the window
        return shaped(block_mask(segment_ids_BL, is_causal, window), form)
    full = shaped(block_mask(segment_ids_BL, is_causal, None), form)
    if "sliding_attention" not in kinds:
        return full
    return {
        "full_attention": full,
        "sliding_attention": shaped(block_mask(segment_ids_BL, is_causal, window), form),
    }


def shaped(mask_B1LL: torch.Tensor, form: str) -> torch.Tensor:
    """ "flags": as it is; "added": 0 where a token is seen and the lowest number elsewhere, float32
    (B, 1, L, L); "numbers": 1 and 0, int64 (B, L, L)."""
    if form == "added":
        low = torch.finfo(torch.float32).min
        return torch.zeros_like(mask_B1LL, dtype=torch.float32).masked_fill(~mask_B1LL, low)
    return mask_B1LL[:, 0].long() if form == "numbers" else mask_B1LL
