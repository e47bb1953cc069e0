"""Puts a run that follows another into the moment at which that one ended, before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.training.callbacks.adaptive_masking import AdaptiveMasking
from mlm_pretrain.training.checkpoints.finding import STAGE
from mlm_pretrain.training.checkpoints.generators import restore_generators, seed_generators
from mlm_pretrain.training.checkpoints.states import read_state
from mlm_pretrain.training.checkpoints.writing import ADAPTIVE_FILE, generators_name
from mlm_pretrain.training.followed import Followed
from mlm_pretrain.training.following import carried_state, final_checkpoint

_FIRST_STEPS = 1 << 40  # places of draws beside those of steps, which no run has so many of


class FollowingCallback(TrainerCallback):
    """Loads optimiser and generators where training starts at step 0; a resumed one has its own.

    Args:
        followed: the run that this one goes on from.
        carried: names of the parameters whose weights are that run's.
        takes_states: go on with its optimiser and generators; else the optimiser is fresh, and generators
            follow from the seed and the epochs before.
        adaptive: the masks' memory of what is hard, where there is one.
    """

    def __init__(
        self,
        followed: Followed,
        carried: frozenset[str],
        takes_states: bool,
        adaptive: AdaptiveMasking | None,
    ) -> None:
        self.followed, self.carried, self.takes_states = followed, carried, takes_states
        self.adaptive = adaptive
        self._checkpoint: Path | None = None
        self._is_first = False

    def on_train_begin(
        self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any
    ) -> None:
        self._is_first = state.global_step == 0
        if not self._is_first or not self.takes_states:
            return
        self._checkpoint = final_checkpoint(self.followed)
        optimizer.load_state_dict(carried_state(optimizer, self._checkpoint, self.carried))
        memory = self._checkpoint / ADAPTIVE_FILE
        if self.adaptive is not None and memory.is_file():
            self.adaptive.restore(read_state(memory))

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._is_first:
            self._set_generators(args)
        self._is_first = False

    def _set_generators(self, args: Any) -> None:
        process, checkpoint = args.process_index, self._checkpoint
        if checkpoint is not None and _processes(checkpoint) == args.world_size:
            restore_generators(read_state(checkpoint / generators_name(process)))
        else:
            seed_generators(args.seed, _FIRST_STEPS + self.followed.epochs_begun, process)


def _processes(checkpoint: Path) -> int:
    return int(read_manifest(checkpoint, STAGE).config["settings"]["processes"])
