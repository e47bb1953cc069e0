"""Shows on the very model that no segment of a packed row sees another, before anything is trained.

Architectures read masks in their own ways, and one that ignores a part of them leaks in silence. So the
model answers for itself: two short segments packed into a row must give what each gives alone.
"""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.choosing import fall_back, require_packable
from mlm_pretrain.modeling.attention.inputs import packed_inputs, position_offset

_SEGMENT_LENGTHS = (3, 4)
_LONGEST_PROOF = 1_024  # tokens; beyond, positions are not run out of
# Sums in another order differ by 1e-6 of the scores in fp32 and by a hundredth in half precision; a leak of
# one token into a short document by a tenth and more.
_TOLERANCE, _HALF_TOLERANCE = 1e-4, 3e-2


def prove_packable(
    model: torch.nn.Module, ordinary_ids: Any, is_causal: bool, method: str | None = None
) -> None:
    """Compare packed segments with each alone, as the model is used by anyone.

    Where packed attention does not pass, block masks are tried, in each of the ways that models read them.

    Args:
        model: with a language-modelling head. Its mode and the generators are left alone.
        ordinary_ids: ids of tokens that stand for text.
        method: of packed attention.

    Raises:
        InputError: when the model cannot read the masks, or its scores differ.
    """
    given = model.config._attn_implementation
    require_packable(model, method)
    # What is wrong with the model, and not with the last form of a mask.
    first: InputError | None = None
    while True:
        try:
            return _prove(model, ordinary_ids, is_causal)
        except InputError as error:
            first = first or error
            if not fall_back(model, given):
                raise first from None


def _prove(model: Any, ordinary_ids: Any, is_causal: bool) -> None:
    model._keeps_apart = True  # or it would not be given packed rows to show it by
    try:
        _require_apart(model, ordinary_ids, is_causal)
    except InputError:
        model._keeps_apart = False
        raise


def _require_apart(model: torch.nn.Module, ordinary_ids: Any, is_causal: bool) -> None:
    name, was_training = type(model).__name__, model.training
    model.eval()
    try:
        with torch.no_grad():
            difference = _difference(model, ordinary_ids, is_causal)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        way_out = "train it in fp32, or " if _is_half(model) else ""
        raise InputError(
            f"{name} cannot read packed rows ({reason})", f"{way_out}choose another architecture"
        ) from None
    finally:
        model.train(was_training)
    if not difference < _tolerance(model):
        raise InputError(
            f"{name}: documents packed into one row see each other (scores differ by {difference:.2g} "
            "of their size from those of each document alone)",
            "choose another architecture, such as modernbert, bert or llama",
        )


def _difference(model: torch.nn.Module, ordinary_ids: Any, is_causal: bool) -> float:
    """Largest difference between packed and single scores, as a share of the largest score."""
    device = next(model.parameters()).device
    lengths = _lengths(model)
    total = sum(lengths)
    ids_T = torch.as_tensor([int(ordinary_ids[i % len(ordinary_ids)]) for i in range(total)])
    numbers_T = torch.cat([torch.full((n,), i + 1) for i, n in enumerate(lengths)])
    places_T = torch.cat([torch.arange(n) for n in lengths])
    batch = {"input_ids": ids_T, "segment_ids": numbers_T, "position_ids": places_T}
    moved = {key: value.unsqueeze(0).to(device) for key, value in batch.items()}
    packed_TV = model(**packed_inputs(model, moved, is_causal).arguments).logits[0].float()
    alone = [
        model(input_ids=ids[None], attention_mask=torch.ones_like(ids[None])).logits[0].float()
        for ids in ids_T.to(device).split(lengths)
    ]
    single_TV = torch.cat(alone)
    return float((packed_TV - single_TV).abs().max() / single_TV.abs().max().clamp(min=1e-9))


def _tolerance(model: torch.nn.Module) -> float:
    return _HALF_TOLERANCE if _is_half(model) else _TOLERANCE


def _is_half(model: torch.nn.Module) -> bool:
    weight = next(model.parameters())
    return weight.dtype != torch.float32 or torch.is_autocast_enabled(weight.device.type)


def _lengths(model: Any) -> list[int]:
    """Short segments; one longer than a window; and more in all than the model has positions for."""
    table = int(getattr(model.config, "max_position_embeddings", 0) or _LONGEST_PROOF)
    positions = table - position_offset(model)
    window = int(getattr(model.config, "sliding_window", None) or 0)
    lengths = list(_SEGMENT_LENGTHS)
    if 0 < window < min(positions, _LONGEST_PROOF) - 3:
        lengths.append(window + 3)
    while sum(lengths) <= positions < _LONGEST_PROOF:
        lengths.append(min(64, positions))
    return lengths
