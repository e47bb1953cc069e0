"""Where segments begin and end when the tokens of a batch lie in one line.

T: tokens of the batch. N: segments. The borders are a tensor shaped like a 4-D attention mask, (1, 1, 1,
N + 1), since that is what models pass to their layers untouched; int32 tells it from a real mask. Where
segments say for themselves whether they look only to the left, a second row, (1, 1, 2, N + 1), says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass
class Layout:
    """Lengths of the segments in a line of T tokens, and what methods have derived from them.

    Attributes:
        causal_N: which of them look only to the left; None where the model says it for all.
    """

    lengths_N: NDArray[np.int64]
    causal_N: NDArray[np.bool_] | None = None
    derived: dict[Any, Any] = field(default_factory=dict)

    @property
    def starts(self) -> NDArray[np.int64]:
        starts: NDArray[np.int64] = np.cumsum(self.lengths_N) - self.lengths_N
        return starts

    @property
    def tokens(self) -> int:
        return int(self.lengths_N.sum())

    @property
    def longest(self) -> int:
        return int(self.lengths_N.max())

    def runs(self) -> Iterator[tuple[int, int]]:
        """(segments, length) of each run of neighbours of one length."""
        for length, run in groupby(self.lengths_N.tolist()):
            yield sum(1 for _ in run), length


# The layers of a model ask for the same layout; it is dropped with the tensor that stands for it.
_LAYOUTS: Any = WeakTensorKeyDictionary()


def borders_of(
    lengths_N: NDArray[np.int64],
    device: torch.device,
    causal_N: NDArray[np.bool_] | None = None,
) -> torch.Tensor:
    """The cumulative lengths, int32, that stand for a mask in a model's arguments."""
    rows = [np.concatenate([[0], np.cumsum(lengths_N)])]
    if causal_N is not None:
        rows.append(np.concatenate([[0], causal_N]))
    borders = torch.from_numpy(np.stack(rows).astype(np.int32))[None, None].to(device)
    _LAYOUTS[borders] = Layout(lengths_N, causal_N)
    return borders


def is_borders(mask: Any) -> bool:
    """Whether a mask is really the borders of a packed line."""
    return isinstance(mask, torch.Tensor) and mask.dtype == torch.int32 and mask.dim() == 4


def layout_of(borders: torch.Tensor) -> Layout:
    """The layout that `borders` stands for."""
    found: Layout | None = _LAYOUTS.get(borders)
    if found is None:  # a copy of the tensor, as recomputation in the backward pass may make
        ends, *flags = borders[0, 0].cpu().numpy()
        lengths_N = np.diff(ends).astype(np.int64)
        found = Layout(lengths_N, flags[0][1:].astype(bool) if flags else None)
        _LAYOUTS[borders] = found
    return found
