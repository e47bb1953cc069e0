"""Going back behind a spike of the loss and passing over the batches that led to it.

Source: Chowdhery et al. 2022, "PaLM", section 5.1: restart from a checkpoint before the spike and skip the
batches up to it; the spikes did not come again, since they need both the batches and the weights they met.
"""

from __future__ import annotations

from pathlib import Path

from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.assembly import Materials
from mlm_pretrain.training.callbacks.loss_watch import LossSpike
from mlm_pretrain.training.checkpoints.finding import STAGE, newest_checkpoint
from mlm_pretrain.training.run_log import append_line, cut_log

# A run that needs more of this has another fault, most often its learning rate.
_MOST_SKIPPED_SHARE, _MOST_RETURNS = 0.1, 5


def steps_to_skip(spike: LossSpike, materials: Materials, before: set[int]) -> set[int]:
    """The steps from the newest checkpoint to the spike, where `on_spike` says to skip them.

    Raises:
        LossSpike: the one given, when the run is to stop, or there is no checkpoint to go back to.
        InputError: when too much was skipped already.
    """
    out = Path(materials.config.out)
    checkpoint = newest_checkpoint(out) if materials.config.on_spike == "skip" else None
    if checkpoint is None:
        raise spike
    counts = read_manifest(checkpoint, STAGE).counts
    steps = set(range(counts["step"] + 1, spike.step + 1))
    _refuse_too_many(spike, before, steps)
    if process_rank() == 0:
        cut_log(out, counts)
        line = {
            "step": spike.step,
            "event": "spike",
            "what": spike.problem,
            "resumed_from": counts["step"],
        }
        append_line(out, {**line, "skipped": sorted(steps)})
    say(
        f"{spike.problem}: going back to {checkpoint}, passing over the batches of steps "
        f"{min(steps)} to {max(steps)}"
    )
    return steps


def _refuse_too_many(spike: LossSpike, before: set[int], steps: set[int]) -> None:
    skipped = len(before | steps)
    if steps <= before or skipped > max(_MOST_RETURNS, _MOST_SKIPPED_SHARE * spike.step):
        raise InputError(
            f"{spike.problem}, after {len(before)} steps were skipped for the same reason",
            "lower the learning rate, or look at the data of these steps",
        ) from spike
