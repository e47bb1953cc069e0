"""A batch of packed rows → what a model's forward takes: one line of tokens, or rows with block masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.choosing import is_decided, mask_form
from mlm_pretrain.modeling.attention.layout import borders_of
from mlm_pretrain.modeling.attention.masks import block_masks
from mlm_pretrain.modeling.attention.methods import is_packed_implementation
from mlm_pretrain.modeling.shapes import shortfall

_IGNORED = -100  # as everywhere in transformers
_READ = ("input_ids", "inputs_embeds", "token_type_ids")  # of the first two a model takes one


@dataclass(frozen=True)
class PackedInputs:
    """Forward arguments, and where in the rows (B · L) each of the T tokens in the line stands.

    `order_T` is None where the model takes the rows as they are. `unpredictable_N` are the segments' first
    tokens in the line, where each is predicted from its left: nothing of their own stands there.
    """

    arguments: dict[str, Any]
    order_T: torch.Tensor | None
    unpredictable_N: torch.Tensor | None = None

    def labels(self, labels_BL: torch.Tensor) -> torch.Tensor:
        """The labels in the model's order: (1, T), or (B, L) as they are."""
        if self.order_T is None:
            return labels_BL
        labels_T = labels_BL.flatten()[self.order_T]
        if self.unpredictable_N is not None:
            labels_T[self.unpredictable_N] = _IGNORED
        return labels_T[None]

    def places_in_rows(self, positions_P: torch.Tensor) -> torch.Tensor:
        """Where in the flat rows (B · L) the positions (P) of the model's order lie."""
        return positions_P if self.order_T is None else self.order_T[positions_P]

    def places_in_line(self, rows_N: torch.Tensor) -> torch.Tensor:
        """Where in the model's order the positions (N) of the flat rows (B · L) lie; none of them padding."""
        return rows_N if self.order_T is None else torch.searchsorted(self.order_T, rows_N)

    def in_rows(self, outputs: torch.Tensor, rows: torch.Size) -> torch.Tensor:
        """Outputs (1, T, V) back in the rows' shape (B, L, V), zero at padding that was left out."""
        if self.order_T is None:
            return outputs
        dense = outputs.new_zeros(rows.numel(), outputs.shape[-1])
        dense[self.order_T] = outputs[0]
        return dense.view(*rows, -1)


def packed_inputs(
    model: torch.nn.Module,
    batch: dict[str, torch.Tensor],
    is_causal: bool,
    shares: int = 0,
) -> PackedInputs:
    """Turn a batch's layout into what the model's forward takes.

    Args:
        model: any Hugging Face encoder or decoder, unwrapped.
        batch: `input_ids` and either `attention_mask` (B, L), or `segment_ids` (B, L; 0 is padding) and
            `position_ids` (B, L), which begin at 0 in each segment. Vectors `inputs_embeds` (B, L, E) are
            read in place of those of the ids. `is_causal` (B), bool, says of each row which way its tokens
            look, whatever the model's own is. `token_type_ids` (B, L) are left out for models that do not
            know them.
        is_causal: whether a token sees only what stands to its left.
        shares: leave padding in the line, so that batches of one shape give lines of few lengths: as much as
            fills it up to whole parts of B · L tokens, so many in all; 1: all of it, 0: none.
    """
    in_line = is_packed_implementation(model.config._attn_implementation)
    batch, causal_B = _laid_out(model, batch, in_line)
    if "segment_ids" not in batch:
        return PackedInputs(batch, None)
    if not is_decided(model):
        raise InputError(
            f"the rows are packed, but {type(model).__name__} has not shown that it keeps them apart",
            "give packed rows to the trainer as train_dataset or eval_dataset when it is made",
        )
    batch.pop("attention_mask", None)
    positions_BL = batch["position_ids"] + position_offset(model)
    if in_line:
        line = {**_read(batch), "position_ids": positions_BL}
        found = _line(model.config, batch, line, is_causal, causal_B, shares)
    else:
        looks = is_causal if causal_B is None else causal_B
        mask = block_masks(model.config, batch.pop("segment_ids"), looks, mask_form(model))
        found = PackedInputs({**batch, "position_ids": positions_BL, "attention_mask": mask}, None)
    if is_causal:
        found.arguments["use_cache"] = False
    return found


def _laid_out(
    model: torch.nn.Module, batch: dict[str, torch.Tensor], in_line: bool
) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
    """What the model knows of a batch, with segments where they are needed; and which way rows look."""
    batch = dict(batch)
    if "inputs_embeds" in batch:
        batch.pop("input_ids", None)
    if (getattr(model.config, "type_vocab_size", None) or 0) < 2:
        batch.pop("token_type_ids", None)
    causal_B = batch.pop("is_causal", None)
    is_plain = set(batch) <= {*_READ, "attention_mask"}
    if "segment_ids" not in batch and (causal_B is not None or (in_line and is_plain)):
        batch = _with_segments(batch)
    if "segment_lengths" in batch and "segment_ids" not in batch:
        raise InputError(
            "the batches say how long their segments are, but not where",
            "pass processing_class=tokenizer, or a data_collator that gives segment_ids and position_ids",
        )
    return batch, causal_B


def _line(
    config: Any,
    batch: dict[str, torch.Tensor],
    read: dict[str, torch.Tensor],
    is_causal: bool,
    causal_B: torch.Tensor | None,
    shares: int,
) -> PackedInputs:
    """What the model reads of rows, one row after the other, without their padding or with what fills up
    to whole shares."""
    segments = batch["segment_ids"].flatten()
    order_T = (segments if not shares else _filled(segments, shares)).nonzero().flatten()
    starts_N = _starts(segments[order_T] == 0, batch["position_ids"].flatten()[order_T])
    causal_N = None
    if causal_B is not None:
        causal_N = causal_B[order_T[starts_N] // batch["segment_ids"].shape[1]]
    arguments: dict[str, Any] = {
        name: rows.flatten(0, 1).index_select(0, order_T)[None] for name, rows in read.items()
    }
    arguments["attention_mask"] = _mask_argument(config, starts_N, len(order_T), causal_N)
    return PackedInputs(arguments, order_T, starts_N if is_causal else None)


def _filled(segments: torch.Tensor, shares: int) -> torch.Tensor:
    """`segments` (B · L, 0 is padding) with the first of the padding counted in, up to a whole share."""
    is_padding = segments == 0
    missing = shortfall(int((~is_padding).sum()), len(segments), shares)
    return torch.where(is_padding & (is_padding.cumsum(0) <= missing), 1, segments)


def _starts(is_padding_T: torch.Tensor, positions_T: torch.Tensor) -> torch.Tensor:
    """Where segments begin in a line; neighbouring padding, whatever its positions, is one segment."""
    is_behind_T = is_padding_T.roll(1)
    is_behind_T[:1] = False
    return torch.where(is_padding_T, ~is_behind_T, positions_T == 0).nonzero().flatten()


def _with_segments(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rows of one segment each, said as packed rows."""
    rows = next(iter(_read(batch).values()))
    ones_BL = torch.ones(rows.shape[:2], dtype=torch.long, device=rows.device)
    mask = batch.get("attention_mask", ones_BL)
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    return {**_read(batch), "segment_ids": mask, "position_ids": positions}


def _read(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the model reads of a batch: its ids, or vectors in their place, and their types."""
    return {name: batch[name] for name in _READ if name in batch}


def _mask_argument(
    config: Any, starts_N: torch.Tensor, tokens: int, causal_N: torch.Tensor | None
) -> Any:
    """The segments' borders in the place of a mask, for each kind of layer where there are kinds."""
    lengths_N = torch.diff(starts_N, append=starts_N.new_tensor([tokens])).cpu().numpy()
    flags = None if causal_N is None else causal_N.cpu().numpy()
    borders = borders_of(lengths_N, starts_N.device, flags)
    kinds = set(getattr(config, "layer_types", None) or ())
    return dict.fromkeys(sorted(kinds), borders) if "sliding_attention" in kinds else borders


def position_offset(model: torch.nn.Module) -> int:
    """The number of a segment's first position: 0, but RoBERTa's family counts past the padding id."""
    embeddings: Any = getattr(model.base_model, "embeddings", None)
    counting = ("create_position_ids_from_input_ids", "create_position_ids_from_inputs_embeds")
    if any(hasattr(embeddings, name) for name in counting):
        return int(embeddings.padding_idx) + 1
    return 0
