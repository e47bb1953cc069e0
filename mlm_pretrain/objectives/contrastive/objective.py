"""Texts told apart by embedding (Gao et al. 2021, SimCSE; Giorgi et al. 2021, DeCLUTR; He et al. 2020, MoCo).

Formula: minimise the mean over texts i of −log( exp(cos(q_i, k_i) / τ) / Σ_j exp(cos(q_i, k_j) / τ) ),
    with q_i the embedding of one view of text i and k_i that of another; j runs over the texts of the
    micro-batch and, where there is one, over the bank. As in SimCSE, queries look for keys, and not also
    keys for queries. To each text's loss a share of `spread` is added.
Inputs: rows of ids (T), with the lengths of the segments packed into each; a text is a sentence of a segment,
    or a whole one.
Requirements: an encoder, with dropout where views differ by nothing else; some texts in each
    micro-batch. Its masked-LM head is left as it was.
Relations: `masked` gives the model to start from: alone this teaches little about words. Negatives are
    those of one micro-batch of one process, so accumulation and more processes change what is learnt,
    unless `cached` takes all micro-batches of a step and all processes together; a bank adds those of
    earlier steps. Tokens are counted in both views. SimCSE is positives: dropout, DeCLUTR positives: spans
    of segments, both with bank_size: 0 and spread: 0; what is the default was worth more (see `config`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from mlm_pretrain.objectives.card import Card, vector_of_a_text
from mlm_pretrain.objectives.contrastive import cached
from mlm_pretrain.objectives.contrastive.collator import ContrastiveCollator
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.heads import ContrastiveHeads, Replay, build_heads
from mlm_pretrain.objectives.contrastive.info_nce import info_nce
from mlm_pretrain.objectives.contrastive.spread import spread
from mlm_pretrain.objectives.contrastive.texts import has_text, pooled, views_of
from mlm_pretrain.objectives.masked import predicted_positions
from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes

TEXTS = "texts"


def count(_objective: Objective, batch: Batch) -> dict[str, int]:
    """Texts of a batch."""
    return {TEXTS: int(has_text(*views_of(batch)).sum())}


def embeddings(
    passes: Passes, batch: Batch, config: ContrastiveConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """(queries, keys) of the texts, each (N, H) and of length 1; keys for a bank have no gradient."""
    heads: ContrastiveHeads = passes.heads
    first, second = views_of(batch)
    is_text_S = has_text(first, second)
    if heads.encoder is None or heads.key_projection is None:
        halves = passes.states(batch).chunk(2, dim=1)
        found = (pooled(h, v, config.pooling) for h, v in zip(halves, (first, second), strict=True))
        queries, keys = (_directions(heads.projection, part[is_text_S]) for part in found)
        return queries, keys
    queries_SH = pooled(passes.states(first), first, config.pooling)
    with torch.no_grad():
        heads.begin_with(passes.model.base_model)
        keys_SH = pooled(passes.states_of(heads.encoder, second), second, config.pooling)
        keys = _directions(heads.key_projection, keys_SH[is_text_S])
    return _directions(heads.projection, queries_SH[is_text_S]), keys


def _directions(projection: torch.nn.Module, pooled_NH: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(projection(pooled_NH), dim=-1)


def text_nats(
    queries_NH: torch.Tensor,
    keys_NH: torch.Tensor,
    heads: ContrastiveHeads,
    config: ContrastiveConfig,
) -> torch.Tensor:
    """The loss of each text (N), against the others and the bank."""
    bank_KH = None if heads.bank is None else heads.bank.filled
    found_N = info_nce(queries_NH, keys_NH, config.temperature, bank_KH, config.hard_negatives)
    if config.spread:
        found_N = found_N + config.spread * spread(queries_NH, keys_NH, bank_KH)
    return found_N


def loss(
    _objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: ContrastiveConfig
) -> Found:
    """The texts' losses over the number of texts in the step."""
    heads: ContrastiveHeads = passes.heads
    if config.cached and heads.training:
        return _replayed(passes, batch, counts, config)
    queries_NH, keys_NH = embeddings(passes, batch, config)
    total = text_nats(queries_NH, keys_NH, heads, config).sum()
    if heads.training:
        heads.note(queries_NH, keys_NH)
    return Found(total / max(counts[TEXTS], 1), {TEXTS: total.detach()})


def prepare_step(
    _objective: Objective, passes: Passes, batches: Iterable[Batch], config: ContrastiveConfig
) -> None:
    """Before the first loss of a step: where negatives span its batches, pass over all of them once."""
    heads: ContrastiveHeads = passes.heads
    heads.replays.clear()
    if not config.cached:
        return
    generators, parts = [], []
    with torch.no_grad():
        for batch in batches:
            generators.append(cached.generator_states(batch["input_ids"].device))
            parts.append(embeddings(passes, batch, config))
    if not parts:
        return
    found = cached.embedding_gradients(parts, lambda q, k: text_nats(q, k, heads, config))
    heads.replays.extend(Replay(g, *part) for g, part in zip(generators, found, strict=True))


def _replayed(passes: Passes, batch: Batch, counts: Counts, config: ContrastiveConfig) -> Found:
    """The batch's part of the loss of the whole step, of which `prepare_step` knows the gradients."""
    heads: ContrastiveHeads = passes.heads
    if not heads.replays:
        raise RuntimeError("contrastive: cached needs prepare_step before the losses of a step")
    generators, nats_N, *gradients = heads.replays.popleft()
    with cached.drawing_again(generators, batch["input_ids"].device):
        queries_NH, keys_NH = embeddings(passes, batch, config)
    total = cached.carried(queries_NH, keys_NH, gradients[0], gradients[1], nats_N.sum())
    heads.note(queries_NH, keys_NH)
    return Found(total / max(counts[TEXTS], 1), {TEXTS: total.detach()})


def weights(_config: Any) -> dict[str, float]:
    return {TEXTS: 1.0}


CARD = Card(
    "telling texts apart by their vectors (contrastive learning)", "feature-extraction", "AutoModel",
    use=lambda settings: vector_of_a_text(settings.pooling),
)  # fmt: skip

OBJECTIVE = Objective(
    name="contrastive", auto_class="AutoModelForMaskedLM", is_causal=False, config=ContrastiveConfig,
    collator=ContrastiveCollator, predicted_positions=predicted_positions, count=count, loss=loss,
    weights=weights, terms=(TEXTS,), serves=("mlm",), heads=build_heads, prepare=prepare_step,
    exported_heads=("projection.",), trains_head=False, card=CARD,
)  # fmt: skip
