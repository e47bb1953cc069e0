"""Going back behind a spike of the loss and passing over the batches that led to it.

From the newest checkpoint the steps are made again as they were, but for the last few before the spike.

Source: Chowdhery et al. 2022, "PaLM", section 5.1: restart from a checkpoint before the spike and skip the
batches around it; the spikes did not come again, since they need both the batches and the weights they met.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.assembling import Materials
from mlm_pretrain.training.callbacks.loss_watch import LossSpike
from mlm_pretrain.training.checkpoints.finding import STAGE
from mlm_pretrain.training.checkpoints.reading import first_process_checkpoint

# A run that needs more of this has another fault, most often its learning rate.
_MOST_SKIPPED_SHARE, _MOST_SKIPPED = 0.1, 5
_AT_ONCE = 4  # and where that did not help, each time as many again as were skipped until then


class Return(NamedTuple):
    """Steps to pass over, and what the log shall say of it."""

    steps: set[int]
    line: dict[str, Any]


def return_before(spike: LossSpike, materials: Materials, skipped: set[int]) -> Return:
    """The last steps before the spike, after the newest checkpoint, where `on_spike` says to skip them.

    Raises:
        LossSpike: the one given, when the run is to stop, or there is no checkpoint to go back to.
        InputError: when too much was skipped already.
    """
    out = Path(materials.config.out)
    may_return = materials.config.on_spike == "skip"
    checkpoint = first_process_checkpoint(out, weights_only=False) if may_return else None
    if checkpoint is None:
        raise spike
    start = read_manifest(checkpoint, STAGE).counts["step"]
    since = [step for step in range(start + 1, spike.step + 1) if step not in skipped]
    steps = set(since[-max(_AT_ONCE, len(skipped)) :])
    _refuse_too_many(spike, skipped, steps)
    say(
        f"{spike.problem}: going back to {checkpoint}, passing over the batches of steps "
        f"{min(steps)} to {max(steps)}"
    )
    line = {"step": spike.step, "event": "spike", "what": spike.problem, "resumed_from": start}
    return Return(steps, {**line, "skipped": sorted(steps)})


def _refuse_too_many(spike: LossSpike, before: set[int], steps: set[int]) -> None:
    if len(before | steps) > max(_MOST_SKIPPED, _MOST_SKIPPED_SHARE * spike.step):
        raise InputError(
            f"{spike.problem}, after {len(before)} steps were skipped for the same reason",
            "lower the learning rate, or look at the data of these steps",
        ) from spike
