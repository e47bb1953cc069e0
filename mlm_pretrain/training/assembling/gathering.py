"""Reads all that a run is made of, and refuses what cannot work before its first step."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest, verify
from mlm_pretrain.modeling.as_decoder import require_decoder
from mlm_pretrain.modeling.attention.choosing import method_of
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling.materials import Materials
from mlm_pretrain.training.assembling.models import build_model, pinned
from mlm_pretrain.training.assembling.objectives import objective_config_of, objective_of
from mlm_pretrain.training.assembling.settings import budget_of, resolved
from mlm_pretrain.training.curriculum import build_curriculum
from mlm_pretrain.training.following import read_followed, settings_followed, take_heads
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.partners import require_documents
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.probing.building import build_suite


def assemble(config: PretrainConfig, checksums: bool = False) -> Materials:
    """Read the data's manifest, tokenizer and rows, and build the model.

    Args:
        checksums: also compare the data's checksums, which reads all of it once; sizes always are.
    """
    config = pinned(config)
    objective = objective_of(config)
    manifest = read_manifest(config.data, "prepare")
    verify(config.data, manifest, checksums=checksums)
    tokenizer = AutoTokenizer.from_pretrained(
        Path(config.data) / "tokenizer", trust_remote_code=False
    )
    train = PackedDataset(config.data, "train")
    train.is_verified = True  # as far as was asked for, above
    if objective.needs_partner:
        require_documents(train)
    vocabulary = read_vocabulary(tokenizer)
    # Made for what it refuses, before a folder is touched.
    objective.collator(vocabulary, objective_config_of(config), config.seed)
    followed = read_followed(config.follows) if config.follows else None
    model = build_model(config, objective, tokenizer, train, followed)
    if "clm" in objective.served and not objective.is_causal:
        require_decoder(model)
    attach_heads(model, objective, vocabulary, objective_config_of(config), config.seed)
    carried = take_heads(model, followed, config) if followed else frozenset()
    if not objective.is_packed:  # pairs, for which nothing of the kind is known
        config = config.model_copy(update={"start": "random", "attention": "masks"})
    if followed:
        config = config.model_copy(update=settings_followed(config, followed, train.max_length))
    config = resolved(config, model, train)
    if objective.is_packed:
        prove_packable(model, vocabulary.ordinary_ids, objective.is_causal, config.attention)
    config = config.model_copy(update={"attention": method_of(model)})
    if len(train) < config.batch_size:
        raise InputError(
            f"{config.data}: {len(train)} rows are fewer than a batch of {config.batch_size}",
            "prepare more text, or lower --batch-size",
        )
    budget = budget_of(config, len(train))
    curriculum = None
    if config.curriculum is not None:
        curriculum = build_curriculum(config.curriculum, train, config.seed, tokenizer)
    probes = None
    if config.probes is not None:
        probes = build_suite(
            config.probes, objective, config.data, tokenizer, model, config.precision
        )
    return Materials(
        config, objective, manifest, tokenizer, vocabulary, train, model, budget, curriculum,
        followed, carried, probes,
    )  # fmt: skip
