"""The places where a `transformers.Trainer` writes checkpoints and reads them, done so that nothing is lost.

A checkpoint is there whole or not at all, nothing in it is unpickled, and what is read back is the training
to the bit. `transformers/trainer.py` has what the stock Trainer does, under the same names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mlm_pretrain.training.checkpoints import reading, writing
from mlm_pretrain.training.heads import is_of_heads, read_heads
from mlm_pretrain.training.learning.lora import lora_layers, read_lora

if TYPE_CHECKING:
    from transformers import Trainer
else:
    Trainer = object  # it stands before the Trainer among the bases, and is none itself


class Resuming(Trainer):
    """Mixed into a Trainer.

    Attributes:
        _resumed_from: the checkpoint that this training goes on from.
        _weights_only: whether it takes weights and position alone.
        keep_checkpoints: how many stay, besides the best one. None: as `save_total_limit` has it, where 1
            lets the stock Trainer remove all but the best one when a training ends, also by a signal.
    """

    _resumed_from: Path | None = None
    _weights_only: bool = False
    keep_checkpoints: int | None = None

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """A whole checkpoint or none; those before stay until it is there."""
        if self.hp_search_backend is None and trial is None:
            self.store_flos()
        writing.write_checkpoint(self, Path(self._get_output_dir(trial=trial)))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        writing.write_weights(self, Path(output_dir or self.args.output_dir), state_dict)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        reading.require_safe_weights(Path(resume_from_checkpoint))
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._load_beside(self.model if model is None else model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self._load_beside(self.model, Path(str(self.state.best_model_checkpoint)))

    def _load_beside(self, model: Any, checkpoint: Path) -> None:
        """What is saved apart from the plain model."""
        read_heads(model, checkpoint)
        read_lora(model, checkpoint)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """As in `Trainer`, but for what is loaded apart."""
        apart = lora_layers(self.model)
        missing = [name for name in load_result.missing_keys if not is_of_heads(name)]
        known = [name for name in missing if not _is_within(name, apart)]
        others = [name for name in load_result.unexpected_keys if not _is_within(name, apart)]
        found = load_result._replace(missing_keys=known, unexpected_keys=others)
        super()._issue_warnings_after_load(found)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self._weights_only:
            reading.advance_schedule(self)
        elif checkpoint is not None:
            reading.load_states(self, Path(checkpoint))

    def _load_scaler(self, checkpoint: str | None) -> None:
        """Loaded together with the optimiser's state."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Once the first batches are read, which a stream's own code may have drawn numbers for."""
        self.restore_moment()

    def restore_moment(self) -> None:
        """Generators and running losses of the checkpoint that this training goes on from."""
        if self._resumed_from is not None:
            reading.load_moment(self, self._resumed_from)


def _is_within(name: str, modules: Iterable[str]) -> bool:
    """Whether a weight belongs to one of the modules of these names."""
    return any(name.startswith(f"{module}.") for module in modules)
