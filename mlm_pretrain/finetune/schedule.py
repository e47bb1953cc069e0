"""How long a fine-tuning run trains, and at which rates."""

from __future__ import annotations

import math
from typing import Any

from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.adaptation import PART_RATE
from mlm_pretrain.finetune.config import FinetuneConfig, default_epochs, default_learning_rate
from mlm_pretrain.finetune.rates import default_embedding_rate
from mlm_pretrain.precision import resolve_precision


def schedule(config: FinetuneConfig, rows: int, width: int, writes: bool) -> dict[str, Any]:
    """Steps, rates and precision.

    Args:
        rows: of training input.
        width: the model's hidden size.
        writes: whether the task's answer is a text.

    Raises:
        InputError: when there are fewer rows than one global batch.
    """
    batch = config.batch_size * config.accumulation * process_count()
    _check_batch(config, rows, batch)
    micro_batches = math.ceil(rows / (config.batch_size * process_count()))
    per_epoch = math.ceil(micro_batches / config.accumulation)
    steps = config.steps or (config.epochs or default_epochs(rows)) * per_epoch
    own_rate = default_learning_rate(width) if config.adapt == "full" else PART_RATE
    return {
        "batch_size": batch,
        "epochs": round(steps / per_epoch, 2),
        "steps": steps,
        "learning_rate": config.learning_rate or own_rate,
        "embedding_rate": _embedding_rate(config, rows, writes),
        "precision": resolve_precision(config.precision),
    }


def _check_batch(config: FinetuneConfig, rows: int, batch: int) -> None:
    if rows < batch:
        raise InputError(
            f"{rows} training rows are fewer than one batch of {batch} ({config.batch_size} rows × "
            f"{config.accumulation} micro-batches × {process_count()} processes)",
            f"set batch_size to {max(1, rows // config.accumulation // process_count())} or less",
        )


def _embedding_rate(config: FinetuneConfig, rows: int, writes: bool) -> float | None:
    """None where `layer_decay` says it."""
    if config.embedding_rate is not None or config.layer_decay != 1:
        return config.embedding_rate
    # What writes has its embeddings for an output layer, which has to learn.
    return default_embedding_rate(rows, config.random_weights or writes)
