"""Puts a resumed training into the very moment it was stopped at, before its first batch is made."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.training.heads import NAME


class MomentCallback(TrainerCallback):
    """Tells the trainer's batches which epoch begins, and in the first one restores its generators.

    It also tells heads that remember steps when one has ended: before the checkpoint of that step.
    Loaders pass `set_epoch` on, but not through what stands between when a run resumes within an epoch.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._is_first = True

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._is_first = True

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.trainer.placed_batches is not None:
            self.trainer.placed_batches.set_epoch(int(state.epoch or 0))
        if self._is_first:
            self.trainer.restore_moment()
        self._is_first = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        end_step = getattr(getattr(model, NAME, None), "end_step", None)
        if end_step is not None:
            end_step(model)
