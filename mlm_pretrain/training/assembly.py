"""Everything a run is made of, checked before its first step; and the trainer built from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from mlm_pretrain.config import build_config
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.probing.suite import Suite
from mlm_pretrain.hub import resolve_commit
from mlm_pretrain.manifest import Manifest, read_manifest, verify
from mlm_pretrain.modeling.as_decoder import require_decoder
from mlm_pretrain.modeling.attention.choosing import method_of
from mlm_pretrain.modeling.attention.speed import method_for
from mlm_pretrain.modeling.build import continued_model, new_model
from mlm_pretrain.modeling.compilation import compile_layers
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.together import TogetherConfig, together
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.precision import Precision, resolve_precision
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.callbacks.following import FollowingCallback
from mlm_pretrain.training.curriculum import Curriculum, build_curriculum
from mlm_pretrain.training.defaults import (
    default_batch_size,
    default_learning_rate,
    default_workers,
    gpu_tokens,
)
from mlm_pretrain.training.following import (
    Followed,
    read_followed,
    settings_followed,
    take_heads,
)
from mlm_pretrain.training.heads import GENERATOR_FOLDER, attach_heads
from mlm_pretrain.training.optimizers import build_optimizer
from mlm_pretrain.training.partners import require_documents
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.probing.building import build_suite
from mlm_pretrain.training.schedule import rate_share
from mlm_pretrain.training.trainer import TokenTrainer
from mlm_pretrain.training.trainers import trainer_for

# By whether it looks only to the left.
DEFAULT_ARCH = {False: "modernbert-mini", True: "llama-mini"}
DEFAULT_PAIR = "bart-mini"  # of an encoder and a decoder
_SETTINGS = "objective_settings"


@dataclass
class Materials:
    """What a run is made of, checked before its first step.

    Attributes:
        followed: the run that this one goes on from.
        carried: names of the parameters whose weights are that run's.
        probes: what the model is asked while it is trained.
    """

    config: PretrainConfig
    objective: Objective
    manifest: Manifest
    tokenizer: Any
    vocabulary: Vocabulary
    train: PackedDataset
    model: torch.nn.Module
    budget: Budget
    curriculum: Curriculum | None = None
    followed: Followed | None = None
    carried: frozenset[str] = frozenset()
    probes: Suite | None = None

    @property
    def first_epoch(self) -> int:
        """What its first epoch counts as: a run that follows another does not draw what that one drew."""
        return self.followed.epochs_begun if self.followed else 0

    @property
    def objective_config(self) -> Any:
        """The objective's settings."""
        return objective_config_of(self.config)


def assemble(config: PretrainConfig, checksums: bool = False) -> Materials:
    """Read the data's manifest, tokenizer and rows, and build the model.

    Args:
        checksums: also compare the data's checksums, which reads all of it once; sizes always are.
    """
    config = _pinned(config)
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
    model = _build_model(config, objective, tokenizer, train, followed)
    if "clm" in objective.served and not objective.is_causal:
        require_decoder(model)
    attach_heads(model, objective, vocabulary, objective_config_of(config), config.seed)
    carried = take_heads(model, followed, config) if followed else frozenset()
    if not objective.is_packed:  # pairs, for which nothing of the kind is known
        config = config.model_copy(update={"start": "random", "attention": "masks"})
    if followed:
        config = config.model_copy(update=settings_followed(config, followed, train.max_length))
    config = _resolved(config, model, train)
    if objective.is_packed:
        prove_packable(model, vocabulary.ordinary_ids, objective.is_causal, config.attention)
    config = config.model_copy(update={"attention": method_of(model)})
    if len(train) < config.batch_size:
        raise InputError(
            f"{config.data}: {len(train)} rows are fewer than a batch of {config.batch_size}",
            "prepare more text, or lower --batch-size",
        )
    budget = _budget(config, len(train))
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


def _pinned(config: PretrainConfig) -> PretrainConfig:
    """Of a Hub name the commit, so that all of it is of one and a resume reads the same."""
    if config.init is None:
        return config
    commit = resolve_commit(config.init, config.revision)
    return config.model_copy(update={"revision": commit or config.revision})


def objective_of(config: PretrainConfig) -> Objective:
    """What is learnt, one objective or several."""
    return (
        together(objective_config_of(config)) if config.objectives else OBJECTIVES[config.objective]
    )


def objective_config_of(config: PretrainConfig) -> Any:
    """The objective's settings, of all parts where there are several."""
    if not config.objectives:
        return _settings_of(config, config.objective, config.objective_settings, _SETTINGS)
    parts = []
    for part in config.objectives:
        found = _settings_of(config, part.name, part.settings, f"settings of {part.name}")
        parts.append(part.model_copy(update={"settings": found.model_dump()}))
    return TogetherConfig(parts=parts, together=config.together, balance=config.balance)


def _settings_of(config: PretrainConfig, name: str, settings: dict[str, Any], origin: str) -> Any:
    """One objective's settings: how it masks is said in one place for all that mask."""
    objective, given = OBJECTIVES[name], dict(settings)
    if objective.config is MaskedConfig:
        return build_config(MaskedConfig, {**config.masking.model_dump(), **given}, origin)
    if "masking" in objective.config.model_fields:
        given.setdefault("masking", config.masking.model_dump())
    beside = Path(config.init or "") / GENERATOR_FOLDER  # of a run that was exported
    if "generator" in objective.config.model_fields and config.init and beside.is_dir():
        given.setdefault("generator", str(beside))
    return build_config(objective.config, given, origin)


def _resolved(
    config: PretrainConfig, model: torch.nn.Module, train: PackedDataset
) -> PretrainConfig:
    """The settings with every open one filled in, as they are recorded."""
    default = default_batch_size(train.max_length, config.minutes, gpu_tokens(model))
    size = config.batch_size or min(default, max(1, len(train)))
    rate = config.learning_rate or default_learning_rate(
        model.config, config.init is not None, config.start == "informed"
    )
    workers = default_workers() if config.workers is None else config.workers
    settings: dict[str, Any] = {"batch_size": size, "learning_rate": rate, "workers": workers}
    if config.attention == "auto":
        settings["attention"] = _attention(config.precision, model, train, size)
    return config.model_copy(update=settings)


def _attention(precision: Precision, model: Any, train: PackedDataset, rows: int) -> str:
    """The method for batches like the first one."""
    found = [train[row]["segment_lengths"] for row in range(min(rows, len(train)))]
    dtype = torch.bfloat16 if resolve_precision(precision) == "bf16" else torch.float32
    lengths_N = np.concatenate(found).astype(np.int64)
    # Several processes would disturb each other's measurement, and could choose differently.
    return method_for(model.config, lengths_N, dtype, measure=process_count() == 1)


def _build_model(
    config: PretrainConfig, objective: Objective, tokenizer: Any, train: PackedDataset,
    followed: Followed | None,
) -> torch.nn.Module:  # fmt: skip
    length = max(train.max_length, config.positions or 0)
    source, dropout = config.init, config.dropout or None
    if followed is not None:  # which has the dropout that it was given
        source = str(followed.model)
        dropout = None if config.dropout == followed.config["dropout"] else config.dropout
    if source is not None:
        return continued_model(
            source, objective.auto_class, tokenizer, length, config.seed, config.revision,
            objective.family_classes, dropout, config.new_rows,
        )  # fmt: skip
    default = DEFAULT_ARCH[objective.is_causal] if objective.is_packed else DEFAULT_PAIR
    arch = config.arch or default
    return new_model(
        arch, objective.auto_class, tokenizer, length, config.seed, config.dropout,
        objective.family_classes,
    )  # fmt: skip


def _budget(config: PretrainConfig, rows: int) -> Budget:
    if config.minutes is not None:
        return Budget(seconds=config.minutes * 60)
    if config.steps is not None:
        return Budget(steps=config.steps)
    rows_a_step = config.batch_size * config.accumulation * process_count()
    steps_an_epoch = math.ceil(rows / rows_a_step)  # the last one of an epoch may be smaller
    return Budget(steps=math.ceil((config.epochs or 1.0) * steps_an_epoch))


def training_arguments(materials: Materials) -> TrainingArguments:
    config = materials.config
    precision = resolve_precision(config.precision)
    return TrainingArguments(
        output_dir=config.out, max_steps=materials.budget.max_steps, seed=config.seed,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        learning_rate=config.learning_rate, max_grad_norm=config.max_grad_norm,
        bf16=precision == "bf16", use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=config.workers or 0, dataloader_pin_memory=torch.cuda.is_available(),
        logging_steps=config.log_every, logging_nan_inf_filter=False, logging_first_step=True,
        save_strategy="steps", save_steps=materials.budget.max_steps,
        save_total_limit=config.keep_checkpoints, auto_find_batch_size=process_count() == 1,
        disable_tqdm=True, report_to=[], log_level_replica="error",
        ddp_find_unused_parameters=False,
    )  # fmt: skip


def build_trainer(materials: Materials, callbacks: Sequence[TrainerCallback] = ()) -> TokenTrainer:
    """The objective's trainer with this package's optimiser and schedule."""
    config, model = materials.config, materials.model
    optimizer = build_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay)
    if config.compile:
        compile_layers(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(config, materials.budget))
    trainer = trainer_for(materials.objective)(
        model=model, args=training_arguments(materials), train_dataset=materials.train,
        processing_class=materials.tokenizer, optimizers=(optimizer, schedule),
        objective_config=objective_config_of(config), spike_nats=config.spike_nats,
        callbacks=list(callbacks),
    )  # fmt: skip
    trainer.curriculum, trainer.first_epoch = materials.curriculum, materials.first_epoch
    trainer.progress_at = materials.budget.progress
    if materials.followed is not None:
        is_carried = config.optimizer_state == "carried"
        trainer.add_callback(
            FollowingCallback(materials.followed, materials.carried, is_carried, trainer.adaptive)
        )
    # These print to stdout, which is for results.
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    return trainer


def _rate(config: PretrainConfig, budget: Budget) -> Callable[[int], float]:
    def share(step: int) -> float:
        return rate_share(budget.progress(step), config.warmup_share, config.decay_share)

    return share
