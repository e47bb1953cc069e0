"""How likely a model finds whole sentences: the sum of what it gives each token.

A masked model is asked for every token with only that one masked (Salazar et al. 2020, "Masked language
model scoring"); a decoder for every token from its left. Between two sentences that differ in a word this
tells which the model prefers.

A decoder needs something before a sentence's first token. Where its tokenizer puts nothing there, as GPT-2's,
the token of a text's beginning is put, or else that of its end, which comes before the next text in training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.modeling.last_layer import Trimming
from mlm_pretrain.modeling.sparse_head import plan_head, predict_only
from mlm_pretrain.progress import track

_BATCH_TOKENS = 8_192


@torch.no_grad()
def sentence_scores(
    model: torch.nn.Module,
    tokenizer: Any,
    sentences: Sequence[str],
    is_causal: bool,
    shows_progress: bool = True,
) -> list[float]:
    """Log-likelihood in nats of each sentence, special tokens not counted.

    Rows of one length go together, so nothing is padded and a score does not depend on its neighbours.

    Args:
        model: in eval mode, also one whose packed attention was chosen.
        shows_progress: with a bar.

    Raises:
        InputError: for a decoder whose tokenizer has neither token to begin with.
    """
    rows = list(_questions(tokenizer, sentences, is_causal))
    by_length: dict[int, list[tuple[int, list[int], list[int], list[int]]]] = defaultdict(list)
    for row in rows:
        by_length[len(row[1])].append(row)
    # One token of a row is read, so that the last layer may leave out most of its feed-forward part.
    trimming = None if is_causal else plan_head(model).trimming
    scores = [0.0] * len(sentences)
    batches = [batch for same in by_length.values() for batch in _batches(same)]
    counted = track(batches, "batch", "likelihood", total=len(batches))
    for batch in counted if shows_progress else batches:
        found = _likelihoods(model, batch, is_causal, trimming)
        for (sentence, *_), nats in zip(batch, found, strict=True):
            scores[sentence] += nats
    return scores


def _questions(
    tokenizer: Any, sentences: Sequence[str], is_causal: bool
) -> Iterator[tuple[int, list[int], list[int], list[int]]]:
    """(sentence, ids as the model sees them, places whose scores are read, the right ids there)."""
    encoded = tokenizer(list(sentences), return_special_tokens_mask=True, verbose=False)
    columns = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
    for number, (ids, special) in enumerate(columns):
        if not ids:
            continue
        if is_causal:
            begun, read = from_the_left(tokenizer, ids, special)
            yield number, begun, [place - 1 for place in read], [begun[place] for place in read]
            continue
        ordinary = [place for place, flag in enumerate(special) if not flag]
        for place in ordinary:
            masked = [*ids[:place], tokenizer.mask_token_id, *ids[place + 1 :]]
            yield number, masked, [place], [ids[place]]


def from_the_left(
    tokenizer: Any, ids: Sequence[int], special: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Ids of which something stands before every ordinary one, and the places of these.

    Raises:
        InputError: where there is nothing to put before the first.
    """
    begun = [] if special[0] else [_beginning(tokenizer)]
    places = [place + len(begun) for place, flag in enumerate(special) if not flag]
    return [*begun, *ids], places


def _beginning(tokenizer: Any) -> int:
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise InputError(
        "the tokenizer puts nothing before a text, and names no token that could stand there, so the "
        "first token of a sentence cannot be scored from the left",
        "set bos_token in its tokenizer_config.json",
    )


def _batches(rows: list[Any]) -> Iterator[list[Any]]:
    size = max(1, _BATCH_TOKENS // len(rows[0][1]))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _likelihoods(
    model: torch.nn.Module, batch: list[Any], is_causal: bool, trimming: Trimming | None
) -> list[float]:
    device = next(model.parameters()).device
    ids_BL = torch.tensor([row[1] for row in batch], device=device)
    length = ids_BL.shape[1]
    places = [number * length + place for number, row in enumerate(batch) for place in row[2]]
    right_P = torch.tensor([t for row in batch for t in row[3]], dtype=torch.int64, device=device)
    rows = {"input_ids": ids_BL, "attention_mask": torch.ones_like(ids_BL)}
    # In one line, where the model takes that: without padding the places are the same.
    arguments = packed_inputs(model, rows, is_causal).arguments
    with predict_only(model, torch.tensor(places, dtype=torch.int64, device=device), trimming):
        logits_PV = model(**arguments).logits[0]
    nats_P = torch.log_softmax(logits_PV.float(), -1).gather(1, right_P[:, None]).flatten().cpu()
    return [float(part.sum()) for part in nats_P.split([len(row[2]) for row in batch])]
