"""Validation loss now and then, into the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.progress import say
from mlm_pretrain.training.run_log import append_line


class ValidationCallback(TrainerCallback):
    """Calls `validate` every `every` steps on the first process and says what it found."""

    def __init__(self, every: int, validate: Callable[[], dict[str, Any]]) -> None:
        self.every, self.validate = every, validate

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self.every or not state.is_world_process_zero:
            return
        result = self.validate()
        say(
            f"step {state.global_step}: validation loss {result['loss_nats']:.4f}, "
            f"perplexity {result['perplexity']:.1f}"
        )
        line = {"step": state.global_step, "validation_loss": result["loss_nats"]}
        append_line(Path(args.output_dir), line)
        state.log_history.append(line)
