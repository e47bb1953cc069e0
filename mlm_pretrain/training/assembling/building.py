"""Materials → the trainer of their objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from mlm_pretrain.environment import process_count
from mlm_pretrain.modeling.compilation import compile_layers
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.training.assembling.materials import Materials
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.callbacks.following import FollowingCallback
from mlm_pretrain.training.optimizers import build_optimizer
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.schedule import rate_share
from mlm_pretrain.training.trainer import TokenTrainer
from mlm_pretrain.training.trainers import trainer_for


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
        auto_find_batch_size=process_count() == 1, disable_tqdm=True, report_to=[],
        log_level_replica="error", ddp_find_unused_parameters=False,
    )  # fmt: skip


def build_trainer(materials: Materials, callbacks: Sequence[TrainerCallback] = ()) -> TokenTrainer:
    """The objective's trainer with this package's optimiser and schedule."""
    config, model = materials.config, materials.model
    optimizer = build_optimizer(model, config.optimizer, config.learning_rate, config.weight_decay)
    if materials.learner is not None:
        materials.learner.attach(optimizer)
    if config.compile:
        compile_layers(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(config, materials.budget))
    trainer = trainer_for(materials.objective)(
        model=model, args=training_arguments(materials), train_dataset=materials.train,
        processing_class=materials.tokenizer, optimizers=(optimizer, schedule),
        objective_config=materials.objective_config, spike_nats=config.spike_nats,
        callbacks=list(callbacks),
    )  # fmt: skip
    trainer.curriculum, trainer.first_epoch = materials.curriculum, materials.first_epoch
    trainer.progress_at = materials.budget.progress
    trainer.keep_checkpoints = config.keep_checkpoints
    if materials.replay is not None:
        trainer.mix_in(materials.replay)
    trainer.learner = materials.learner
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
