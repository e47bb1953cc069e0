"""Sentence vectors of a model as it is: the mean of the last hidden states of all tokens.

The mean serves every kind of model here: encoders, decoders, and the encoder of an encoder with a decoder.
None of them has been taught to gather a text in one token.

N: texts. B, L: rows and tokens of a batch. H: hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.sizes import unused_positions
from mlm_pretrain.modeling.sparse_head import HeadPlan

LONGEST_TOKENS = 128  # of a text; what lies behind is cut off
_BATCH = 64


class Encoded(NamedTuple):
    """Texts as batches of like length.

    Attributes:
        order_N: number of the text of each row, over all batches.
        batches: `input_ids` and `attention_mask` (B, L) of each.
    """

    order_N: NDArray[np.int64]
    batches: list[dict[str, torch.Tensor]]


def encode_texts(
    tokenizer: Any, texts: Sequence[str], longest_tokens: int = LONGEST_TOKENS
) -> Encoded:
    """`texts` as a tokenizer has them, cut off behind `longest_tokens` or what it has room for."""
    limit = min(longest_tokens, tokenizer.model_max_length)
    if tokenizer.pad_token_id is None:  # none is needed, since padding is not looked at
        encoded = tokenizer(list(texts), truncation=True, max_length=limit, verbose=False)
        return encode_ids([np.asarray(ids) for ids in encoded["input_ids"]], pad_id=0)
    order_N = np.argsort([len(text) for text in texts], kind="stable")
    batches = []
    for rows in _in_batches(order_N):
        inputs = tokenizer(
            [texts[i] for i in rows], padding=True, truncation=True, max_length=limit,
            return_tensors="pt", return_token_type_ids=False, verbose=False,
        )  # fmt: skip
        batches.append({name: inputs[name] for name in ("input_ids", "attention_mask")})
    return Encoded(order_N, batches)


def encode_ids(rows: Sequence[NDArray[Any]], pad_id: int) -> Encoded:
    """Texts that are ids already, each with its own start and end tokens."""
    order_N = np.argsort([len(row) for row in rows], kind="stable")
    batches = []
    for chosen in _in_batches(order_N):
        lengths = [len(rows[i]) for i in chosen]
        ids_BL = np.full((len(chosen), max(lengths)), pad_id, dtype=np.int64)
        for place, number in enumerate(chosen):
            ids_BL[place, : lengths[place]] = rows[number]
        mask_BL = np.arange(max(lengths))[None] < np.array(lengths)[:, None]
        batches.append(
            {
                "input_ids": torch.from_numpy(ids_BL),
                "attention_mask": torch.from_numpy(mask_BL.astype(np.int64)),
            }
        )
    return Encoded(order_N, batches)


def _in_batches(order_N: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [order_N[start : start + _BATCH] for start in range(0, len(order_N), _BATCH)]


@torch.no_grad()
def sentence_vectors(
    model: Any, encoded: Encoded, autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> NDArray[np.float32]:
    """The vectors (N, H) of texts, in the order in which they were encoded.

    Args:
        model: any Hugging Face model, with or without a head, in eval mode.
        autocast: what its passes run in.
    """
    passes, device = ModelPasses(model, HeadPlan(), autocast), next(model.parameters()).device
    parts = [
        _means(passes, {name: part.to(device) for name, part in batch.items()})
        for batch in encoded.batches
    ]
    vectors_NH = np.concatenate(parts)
    back_NH = np.empty_like(vectors_NH)
    back_NH[encoded.order_N] = vectors_NH
    return back_NH


def _means(passes: ModelPasses, batch: dict[str, torch.Tensor]) -> NDArray[np.float32]:
    states_BLH = passes.states_of(_encoder(passes.model), batch)
    seen_BL1 = batch["attention_mask"][:, :, None]
    means_BH = (states_BLH * seen_BL1).sum(1) / seen_BL1.sum(1).clamp_min(1)
    found: NDArray[np.float32] = means_BH.cpu().numpy()
    return found


def _encoder(model: Any) -> Any:
    """What reads: of an encoder with a decoder the encoder, else the model without its head."""
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model


def room_for_text(config: Any) -> int | None:
    """Tokens of a text that the model of `config` has positions for; None where there is no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    return None if positions is None else int(positions) - unused_positions(config)
