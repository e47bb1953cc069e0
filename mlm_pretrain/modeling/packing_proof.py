"""Shows on the very model that no segment of a packed row sees another, before anything is trained.

Architectures read masks in their own ways, and one that ignores a part of them leaks in silence. So the
model answers for itself: two short segments packed into a row must give what each gives alone.
"""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.packed_attention import packed_inputs, require_packable

_SEGMENT_LENGTHS = (3, 4)
# fp32 sums in another order differ by 1e-6 of the scores; a leak of one token by a hundredth and more.
_TOLERANCE = 1e-4


def prove_packable(model: torch.nn.Module, ordinary_ids: Any, is_causal: bool) -> None:
    """Compare a packed row with its segments alone.

    Args:
        model: in float32, with a language-modelling head. Its mode and the generators are left alone.
        ordinary_ids: ids of tokens that stand for text.

    Raises:
        InputError: when the model cannot read the masks, or its scores differ.
    """
    require_packable(model)
    name, was_training = type(model).__name__, model.training
    model.eval()
    try:
        with torch.no_grad():
            difference = _difference(model, ordinary_ids, is_causal)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name} cannot read packed rows ({reason})", "choose another architecture"
        ) from None
    finally:
        model.train(was_training)
    if not difference < _TOLERANCE:
        raise InputError(
            f"{name}: documents packed into one row see each other (scores differ by {difference:.2g} "
            "of their size from those of each document alone)",
            "choose another architecture, such as modernbert, bert or llama",
        )


def _difference(model: torch.nn.Module, ordinary_ids: Any, is_causal: bool) -> float:
    """Largest difference between packed and single scores, as a share of the largest score."""
    device = next(model.parameters()).device
    total = sum(_SEGMENT_LENGTHS)
    ids_T = torch.as_tensor([int(ordinary_ids[i % len(ordinary_ids)]) for i in range(total)])
    numbers = [torch.full((n,), i + 1) for i, n in enumerate(_SEGMENT_LENGTHS)]
    places = [torch.arange(n) for n in _SEGMENT_LENGTHS]

    def scores(ids: torch.Tensor, segments: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        batch = {"input_ids": ids, "segment_ids": segments, "position_ids": positions}
        moved = {key: value.unsqueeze(0).to(device) for key, value in batch.items()}
        result: torch.Tensor = model(**packed_inputs(model, moved, is_causal)).logits[0].float()
        return result

    packed_TV = scores(ids_T, torch.cat(numbers), torch.cat(places))
    alone = zip(ids_T.split(list(_SEGMENT_LENGTHS)), numbers, places, strict=True)
    single_TV = torch.cat([scores(ids, torch.ones_like(n), p) for ids, n, p in alone])
    return float((packed_TV - single_TV).abs().max() / single_TV.abs().max().clamp(min=1e-9))
