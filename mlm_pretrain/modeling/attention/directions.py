"""Segments of one line that look both ways, and others that look only to the left.

A model that learns to fill gaps and to continue text needs both in one batch. The line is taken apart into
two, each attended by itself, and put together again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from mlm_pretrain.modeling.attention.layout import Layout, borders_of


class Part(NamedTuple):
    """Segments of one line that look in one way.

    Attributes:
        places_T: where their tokens stand in the whole line; None where they are all of it.
        borders: of these segments alone, as `borders_of` makes them.
    """

    is_causal: bool
    places_T: torch.Tensor | None
    borders: torch.Tensor


def looks_left(model: torch.nn.Module) -> bool:
    """Whether the model's own attention is causal."""
    return any(getattr(module, "is_causal", False) for module in model.modules())


def parts_of(layout: Layout, borders: torch.Tensor) -> list[Part]:
    """The parts of a layout whose segments say how they look; derived once for all layers."""
    if "parts" not in layout.derived:
        layout.derived["parts"] = _parts(layout, borders)
    found: list[Part] = layout.derived["parts"]
    return found


def _parts(layout: Layout, borders: torch.Tensor) -> list[Part]:
    assert layout.causal_N is not None
    parts = []
    for is_causal in (False, True):
        chosen_N = layout.causal_N == is_causal
        if not chosen_N.any():
            continue
        places_T = None
        if not chosen_N.all():
            flags_T = np.repeat(chosen_N, layout.lengths_N)
            places_T = torch.from_numpy(np.flatnonzero(flags_T)).to(borders.device)
        parts.append(
            Part(is_causal, places_T, borders_of(layout.lengths_N[chosen_N], borders.device))
        )
    return parts


def attend_in_parts(
    attend: Callable[..., torch.Tensor],
    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    parts: list[Part],
) -> torch.Tensor:
    """Attention (T, heads, D) of a line in parts.

    Args:
        attend: (query, key, value, borders, is_causal) → (T', heads, D), within each segment.
        heads: queries, keys and values (heads, T, D).
    """
    if parts[0].places_T is None:
        return attend(*heads, parts[0].borders, parts[0].is_causal)
    found = [
        attend(*(x.index_select(1, part.places_T) for x in heads), part.borders, part.is_causal)
        for part in parts
    ]
    order = torch.cat([part.places_T for part in parts]).argsort()
    return torch.cat(found).index_select(0, order)
