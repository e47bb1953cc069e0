"""Values that all processes of a run must share, such as a clock: the first one's are taken."""

from __future__ import annotations

import torch.distributed as dist


def first_process_value(value: float) -> float:
    """The first process's `value`, on every process."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
