"""What the settings leave open, filled in by model, data and machine; and how long the run is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from mlm_pretrain.environment import process_count
from mlm_pretrain.modeling.attention.speed import method_for
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.precision import Precision, resolve_precision
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.defaults import (
    default_batch_size,
    default_learning_rate,
    default_workers,
    gpu_tokens,
)
from mlm_pretrain.training.pretrain_config import PretrainConfig


def resolved(
    config: PretrainConfig, model: torch.nn.Module, train: PackedDataset, rows: int
) -> PretrainConfig:
    """The settings with every open one filled in, as they are recorded.

    Args:
        rows: that an epoch shows.
    """
    default = default_batch_size(train.max_length, config.minutes, gpu_tokens(model))
    size = config.batch_size or min(default, max(1, rows))
    # A low-rank change starts from nothing, on whatever model.
    is_continued = config.init is not None and config.lora is None
    rate = config.learning_rate or default_learning_rate(
        model.config, is_continued, config.start == "informed" and config.init is None
    )
    workers = default_workers() if config.workers is None else config.workers
    settings: dict[str, Any] = {"batch_size": size, "learning_rate": rate, "workers": workers}
    if config.attention == "auto":
        settings["attention"] = _attention(config.precision, model, train, size)
    return config.model_copy(update=settings)


def _attention(precision: Precision, model: Any, train: PackedDataset, rows: int) -> str:
    """The method for batches like the first one."""
    if not model._supports_sdpa:  # and has none to choose from
        return "masks"
    found = [train[row]["segment_lengths"] for row in range(min(rows, len(train)))]
    dtype = torch.bfloat16 if resolve_precision(precision) == "bf16" else torch.float32
    lengths_N = np.concatenate(found).astype(np.int64)
    # Several processes would disturb each other's measurement, and could choose differently.
    return method_for(model.config, lengths_N, dtype, measure=process_count() == 1)


def budget_of(config: PretrainConfig, rows: int) -> Budget:
    """How long the run is.

    Args:
        rows: that an epoch shows.
    """
    if config.minutes is not None:
        return Budget(seconds=config.minutes * 60)
    if config.steps is not None:
        return Budget(steps=config.steps)
    rows_a_step = config.batch_size * config.accumulation * process_count()
    steps_an_epoch = math.ceil(rows / rows_a_step)  # the last one of an epoch may be smaller
    return Budget(steps=math.ceil((config.epochs or 1.0) * steps_an_epoch))
