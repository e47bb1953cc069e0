"""What several processes of one run do together: begin, share a value, meet, and end."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.distributed as dist
from accelerate import PartialState

from mlm_pretrain.environment import is_in_a_group, process_count

Value = TypeVar("Value")


def begin_processes() -> None:
    """Let the processes of one run, where there are several, speak with each other from here on."""
    if process_count() > 1 and not dist.is_initialized():
        PartialState(cpu=not torch.cuda.is_available())


def meet() -> None:
    """Wait until every process is here."""
    if is_in_a_group():
        dist.barrier()


def first_process_value(value: Value) -> Value:
    """The first process's `value`, on every process."""
    if not is_in_a_group():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def mean_over_processes(value: torch.Tensor) -> float:
    """The mean of every process's `value`, on every process."""
    if is_in_a_group():
        value = value / dist.get_world_size()
        dist.all_reduce(value)
    return float(value)


def end_processes() -> None:
    """Leave the group of processes, before this one ends.

    One that simply exits may abort in the group's threads; its launcher would then end the others too,
    among them the first, which saves and validates last.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
