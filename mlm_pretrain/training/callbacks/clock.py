"""Keeps the budget's clock, stops when it is spent, asks for checkpoints now and then, seals them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback

from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.run_folder import rotate_checkpoints, seal_checkpoint


class ClockCallback(TrainerCallback):
    """Time used is saved with each checkpoint, so that a resumed run gets only what is left."""

    def __init__(self, budget: Budget, checkpoint_minutes: float, keep_checkpoints: int) -> None:
        self.budget = budget
        self.keep_checkpoints = keep_checkpoints
        self.checkpoint_seconds = checkpoint_minutes * 60
        self._last_saved_seconds = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._last_saved_seconds = self.budget.elapsed_seconds
        self.budget.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.budget.tick()
        if self.budget.is_spent(state.global_step):
            control.should_training_stop = control.should_save = True
        elif self.budget.elapsed_seconds - self._last_saved_seconds >= self.checkpoint_seconds:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._last_saved_seconds = self.budget.elapsed_seconds
        if args.world_size > 1:
            dist.barrier()  # every process writes the state of its generators
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            seal_checkpoint(folder, state.global_step, self.budget)
            rotate_checkpoints(Path(args.output_dir), self.keep_checkpoints)
