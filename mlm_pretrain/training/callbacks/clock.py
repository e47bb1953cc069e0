"""Keeps the budget's clock, stops when it is spent, and asks for checkpoints now and then."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.training.budget import Budget


class ClockCallback(TrainerCallback):
    """Time used is saved with each checkpoint, so that a resumed run gets only what is left."""

    def __init__(self, budget: Budget, checkpoint_minutes: float) -> None:
        self.budget = budget
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
