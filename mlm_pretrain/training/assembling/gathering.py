"""Reads all that a run is made of, and refuses what cannot work before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import Manifest, read_manifest, verify
from mlm_pretrain.modeling.as_decoder import require_decoder
from mlm_pretrain.modeling.attention.choosing import method_of
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling.materials import Materials
from mlm_pretrain.training.assembling.models import build_model, pinned
from mlm_pretrain.training.assembling.objectives import objective_config_of, objective_of
from mlm_pretrain.training.assembling.settings import budget_of, resolved
from mlm_pretrain.training.curriculum import build_curriculum
from mlm_pretrain.training.followed import Followed, read_followed
from mlm_pretrain.training.following import (
    carry_lora,
    lora_followed,
    settings_followed,
    take_heads,
)
from mlm_pretrain.training.forgetting.building import build_guard
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.learning.beginning import begin_learning, settled_head
from mlm_pretrain.training.partners import require_documents
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.probing.building import build_suite
from mlm_pretrain.training.replay import Replay, open_replay


class Texts(NamedTuple):
    """What is read, before there is a model.

    Attributes:
        rows: that an epoch shows, with those that are mixed in.
        max_length: tokens of the longest row of any.
    """

    manifest: Manifest
    tokenizer: Any
    vocabulary: Vocabulary
    train: PackedDataset
    replay: Replay | None
    rows: int
    max_length: int


def assemble(config: PretrainConfig, checksums: bool = False) -> Materials:
    """Read the data's manifest, tokenizer and rows, and build the model.

    Args:
        checksums: also compare the data's checksums, which reads all of it once; sizes always are.
    """
    config = pinned(config)
    objective = objective_of(config)
    texts = _read_texts(config, objective, checksums)
    followed = read_followed(config.follows) if config.follows else None
    model, carried = _network(config, objective, texts, followed)
    config = settled_head(model, lora_followed(config, followed), objective.trains_head)
    learner = begin_learning(model, config, Path(config.data) / "tokenizer")
    carried |= carry_lora(model, followed, config)
    config = _settled(config, objective, texts, followed, model)
    if texts.rows < config.batch_size:
        raise InputError(
            f"{config.data}: {texts.rows} rows are fewer than a batch of {config.batch_size}",
            "prepare more text, or lower --batch-size",
        )
    curriculum = probes = None
    if config.curriculum is not None:
        curriculum = build_curriculum(config.curriculum, texts.train, config.seed, texts.tokenizer)
    if config.probes is not None:
        probes = build_suite(
            config.probes, objective, config.data, texts.tokenizer, model, config.precision
        )
    budget = budget_of(config, texts.rows)
    guard = build_guard(config, objective, texts.tokenizer, texts.vocabulary, model, budget)
    if texts.replay is not None and config.guard is not None:
        texts.replay.may_change = config.guard.action == "replay"
    return Materials(
        config, objective, texts.manifest, texts.tokenizer, texts.vocabulary, texts.train, model,
        budget, curriculum, followed, carried, probes, texts.replay,
        learner if learner.has_effect else None, guard,
    )  # fmt: skip


def _read_texts(config: PretrainConfig, objective: Objective, checksums: bool) -> Texts:
    manifest = read_manifest(config.data, "prepare")
    verify(config.data, manifest, checksums=checksums)
    tokenizer = AutoTokenizer.from_pretrained(
        Path(config.data) / "tokenizer", trust_remote_code=False
    )
    train, replay = PackedDataset(config.data, "train"), None
    train.is_verified = True  # as far as was asked for, above
    if config.replay is not None:
        replay = open_replay(config.replay, tokenizer, checksums)
    others = [replay.data] if replay else []
    if objective.needs_partner:
        for data in (train, *others):
            require_documents(data)
    vocabulary = read_vocabulary(tokenizer)
    # Made for what it refuses, before a folder is touched.
    objective.collator(vocabulary, objective_config_of(config), config.seed)
    rows = replay.places(len(train)) if replay else len(train)
    longest = max(data.max_length for data in (train, *others))
    return Texts(manifest, tokenizer, vocabulary, train, replay, rows, longest)


def _network(
    config: PretrainConfig, objective: Objective, texts: Texts, followed: Followed | None
) -> tuple[torch.nn.Module, frozenset[str]]:
    """(the model with its heads, names of the parameters that are the followed run's)."""
    model = build_model(config, objective, texts.tokenizer, texts.max_length, followed)
    if "clm" in objective.served and not objective.is_causal:
        require_decoder(model)
    own = objective_config_of(config)
    attach_heads(model, objective, texts.vocabulary, own, config.seed)
    return model, take_heads(model, followed, config) if followed else frozenset()


def _settled(
    config: PretrainConfig,
    objective: Objective,
    texts: Texts,
    followed: Followed | None,
    model: torch.nn.Module,
) -> PretrainConfig:
    """The settings as they are recorded, and packed attention as they say."""
    if not objective.is_packed:  # pairs, for which nothing of the kind is known
        config = config.model_copy(update={"start": "random", "attention": "masks"})
    if followed:
        size = (texts.train.max_length, texts.rows)
        config = config.model_copy(update=settings_followed(config, followed, *size))
    config = resolved(config, model, texts.train, texts.rows)
    if objective.is_packed:
        ids = texts.vocabulary.ordinary_ids
        prove_packable(model, ids, objective.is_causal, config.attention)
    return config.model_copy(update={"attention": method_of(model)})
