"""Finds a batch that fits into memory, and keeps the step as it was asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils.memory import clear_device_cache
from transformers import TrainerCallback

from mlm_pretrain.environment import is_out_of_memory
from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say
from mlm_pretrain.training.allocation import release_freed_memory
from mlm_pretrain.training.checkpoints.generators import generator_states, restore_generators

# Steps after which a batch that fitted is taken to fit: by then the longest rows have come.
_SEARCH_STEPS = 50


def smaller_batch(rows: int, accumulation: int) -> tuple[int, int]:
    """(rows, accumulation) of the same product with at most half the rows at a time."""
    product = rows * accumulation
    fitting = max(n for n in range(1, rows // 2 + 1) if product % n == 0)
    return fitting, product // fitting


class _Search(TrainerCallback):
    """Holds the state before the first step, and lets go of it once the search is over."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state: dict[str, Any] | None = state
        self._steps = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._steps += 1
        if self._steps >= _SEARCH_STEPS:
            self.state = None


def train_fitting(trainer: Any, train: Callable[[], Any]) -> Any:
    """Call `train`; where its first steps run out of memory, again from the same state with smaller batches.

    Only with `auto_find_batch_size`, which is for one process. The rows of a step stay, and so does what it
    learns. Several processes cannot begin again together where some of them had room: there it is an error.

    Raises:
        InputError: when one row does not fit either, or memory runs out after the first 50 steps, or at any
            time among several processes.
    """
    args = trainer.args
    if not args.auto_find_batch_size:
        return train() if args.world_size == 1 else _train_together(trainer, train)
    args.auto_find_batch_size = False  # the stock search would keep neither the state nor the step
    search = _Search(_state_of(trainer))
    trainer.add_callback(search)
    try:
        while True:
            try:
                return train()
            except (RuntimeError, MemoryError) as error:
                _take_less(trainer, error, search.state is not None)
            clear_device_cache(garbage_collection=True)
            release_freed_memory()
            if search.state is not None:
                _restore(trainer, search.state)
    finally:
        trainer.remove_callback(search)
        args.auto_find_batch_size = True


def _train_together(trainer: Any, train: Callable[[], Any]) -> Any:
    try:
        return train()
    except (RuntimeError, MemoryError) as error:
        _take_less(trainer, error, is_searching=False)


def _take_less(trainer: Any, error: Exception, is_searching: bool) -> None:
    args = trainer.args
    if not is_out_of_memory(error):
        raise error
    rows, accumulation = args.per_device_train_batch_size, args.gradient_accumulation_steps
    if rows == 1 or args.world_size > 1 or not is_searching:
        raise InputError(
            f"step {trainer.state.global_step + 1}: out of memory with {rows} rows at a time "
            f"({str(error).strip().splitlines()[-1]})",
            "lower --batch-size and raise --accumulation, or take shorter rows or a smaller model",
        ) from None
    args.per_device_train_batch_size, args.gradient_accumulation_steps = smaller_batch(
        rows, accumulation
    )
    trainer._train_batch_size = args.train_batch_size
    say(
        f"out of memory with {rows} rows at a time: again from the start with "
        f"{args.per_device_train_batch_size}, and {args.gradient_accumulation_steps} of them a step"
    )


def _state_of(trainer: Any) -> dict[str, Any]:
    """What the first steps change, kept in the processor's memory."""
    given = trainer.optimizer, trainer.lr_scheduler
    return {
        "weights": {k: v.detach().cpu().clone() for k, v in trainer.model.state_dict().items()},
        "generators": generator_states(),
        "given": given,
        "adaptive": trainer.adaptive.facts() if trainer.adaptive else None,
        "replay": trainer.replay.facts() if trainer.replay is not None else {},
        "watch": trainer.watch.facts(),
        "states": [copy.deepcopy(part.state_dict()) if part else None for part in given],
    }


def _restore(trainer: Any, before: dict[str, Any]) -> None:
    trainer.model.load_state_dict(before["weights"])
    trainer.model.zero_grad(set_to_none=True)
    trainer.model_wrapped = trainer.model
    trainer.optimizer, trainer.lr_scheduler = before["given"]
    for part, state in zip(before["given"], before["states"], strict=True):
        if part is not None:
            part.load_state_dict(copy.deepcopy(state))
    trainer.tokens_this_run = 0
    if trainer.replay is not None:
        trainer.replay.restore(before["replay"])
    trainer.watch.restore(before["watch"])
    for part in (trainer.terms, trainer.sources):
        if part is not None:
            part.restore({}, trainer.args.device, is_first=True)
    if trainer.adaptive is not None:
        trainer.adaptive.restore(before["adaptive"])
    restore_generators(before["generators"])
    torch.set_grad_enabled(True)
