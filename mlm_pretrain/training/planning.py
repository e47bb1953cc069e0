"""What a run will do and how long it will take, from a few real steps of it that are then forgotten."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from mlm_pretrain.modeling.flops import matrix_rate
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.training.assembling import Materials, assemble, build_trainer
from mlm_pretrain.training.batches import made
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.callbacks.flops import FlopsCallback
from mlm_pretrain.training.heads import count_learning, count_parameters
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.trainer import TokenTrainer

_WARM_UP, _TIMED, _PATIENCE_SECONDS = 2, 5, 20.0
_MANY_BATCHES_SHARE, _NEAR_THE_RATE = 0.1, 0.6
_MOST_STEPS = 1_000_000  # of a trial that its clock stops


class _Trial(TrainerCallback):
    """Times steps after a warm-up, and stops the trainer when it has seen enough."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self._started = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ticks, self._started = [], 0.0  # of steps that ran out of memory

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started = self._started or time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        if state.global_step >= _WARM_UP:
            self.ticks.append(now)
        enough = len(self.ticks) > _TIMED
        slow = len(self.ticks) > 1 and now - self._started > _PATIENCE_SECONDS
        control.should_training_stop |= enough or slow

    @property
    def step_seconds(self) -> float:
        return float(np.median(np.diff(self.ticks)))


@quiet_transformers()
def plan(config: PretrainConfig) -> dict[str, Any]:
    """What the run would do, in numbers: its size, its cost and its time on this machine.

    Some ten steps are trained for it in a temporary folder; `config.out` is left alone.
    """
    materials = assemble(config)
    config = materials.config  # with the settings that were left open
    with tempfile.TemporaryDirectory() as folder:
        trainer, trial, cost = _try_out(materials, folder)
    step_seconds = trial.step_seconds
    batches_seconds = _batch_seconds(trainer) * config.accumulation
    tokens, flops = round(cost.tokens_a_step), cost.flops_a_step
    dtype = torch.bfloat16 if resolve_precision(config.precision) == "bf16" else torch.float32
    share = flops / step_seconds / matrix_rate(dtype, next(materials.model.parameters()).device)
    return {
        **_sizes(materials),
        **_curriculum(materials),
        "precision": resolve_precision(config.precision),
        "attention": config.attention,
        "tokens_a_step": tokens,
        "seconds_a_step": round(step_seconds, 4),
        "tokens_per_second": round(tokens / step_seconds),
        "gflops_a_step": round(flops / 1e9, 2),
        "mflops_a_token": round(flops / 1e6 / max(tokens, 1), 2),
        "share_of_matrix_rate": round(share, 3),
        "limited_by": _limit(share, batches_seconds / step_seconds),
        "memory_gb": _peak_memory_gb(),
        "disk_gb": round(4 * _parameters(materials) * (3 * config.keep_checkpoints + 4) / 1e9, 3),
        **_duration(materials, tokens, step_seconds),
    }


def batches_share(config: PretrainConfig) -> float:
    """Share of a step that making its batch takes, masks included, where no worker does it beside."""
    with tempfile.TemporaryDirectory() as folder:
        trainer, trial, _ = _try_out(assemble(config), folder)
    return _batch_seconds(trainer) * config.accumulation / trial.step_seconds


def _sizes(materials: Materials) -> dict[str, Any]:
    config = materials.config
    return {
        "model": type(materials.model).__name__,
        "parameters": count_parameters(materials.model),
        **({} if _learns_all(config) else {"trained_parameters": count_learning(materials.model)}),
        "rows": len(materials.train),
        **({"replay_rows": len(materials.replay.data)} if materials.replay else {}),
        "tokens": materials.manifest.counts["train"]["tokens"],
        "rows_a_step": config.batch_size * config.accumulation,
        "max_length": materials.train.max_length,
        "learning_rate": config.learning_rate,
    }


def _learns_all(config: PretrainConfig) -> bool:
    return config.lora is None and config.trains.is_all


def _curriculum(materials: Materials) -> dict[str, Any]:
    """By what the rows are ordered, where they are, and how long it took to score them."""
    found = materials.curriculum
    if found is None:
        return {}
    return {"curriculum": found.config.measure, "curriculum_seconds": round(found.seconds, 2)}


def _parameters(materials: Materials) -> int:
    return sum(p.numel() for p in materials.model.parameters())


def _try_out(materials: Materials, folder: str) -> tuple[TokenTrainer, _Trial, FlopsCallback]:
    settings = materials.config.model_copy(update={"out": folder})
    trial = _Trial()
    trainer = build_trainer(
        # Of all rows alike: the first steps of a curriculum are not like the others.
        replace(materials, config=settings, budget=Budget(steps=_MOST_STEPS), curriculum=None),
        [trial],
    )
    cost = FlopsCallback(trainer, _WARM_UP + _TIMED)
    trainer.add_callback(cost)
    trainer.train()
    return trainer, trial, cost


def _batch_seconds(trainer: TokenTrainer) -> float:
    """Seconds to make one batch, masks included."""
    batches = (made(trainer, batch) for batch in trainer.get_train_dataloader())
    next(batches)
    started, count = time.perf_counter(), 0
    for count, _ in enumerate(batches, start=1):
        if count == _TIMED:
            break
    return (time.perf_counter() - started) / max(count, 1)


def _limit(share: float, batches_share: float) -> str:
    """What more speed would have to come from."""
    if batches_share > _MANY_BATCHES_SHARE:
        return f"making batches ({batches_share:.0%} of a step): raise workers"
    if share > _NEAR_THE_RATE:
        return "the machine's matrix products: only a smaller model or better hardware is faster"
    return "memory traffic and small operations: wider models and larger batches use more of the machine"


def _peak_memory_gb() -> float:
    """The most this process has held: of the GPU's memory where there is one."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e9, 2)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)


def _duration(materials: Materials, tokens: int, step_seconds: float) -> dict[str, Any]:
    """Steps and minutes of the whole run, whichever of them is the budget, and passes over the data."""
    budget, config = materials.budget, materials.config
    minutes = budget.seconds / 60 if budget.seconds else (budget.steps or 0) * step_seconds / 60
    steps = budget.steps or round(60 * minutes / step_seconds)
    rows = steps * config.batch_size * config.accumulation
    return {
        "steps": steps,
        "epochs": round(rows / materials.rows_an_epoch, 2),
        "minutes": round(minutes, 2),
        "tokens_in_all": steps * tokens,
    }
