"""What each phase of a training will do, and all of them together, from a few real steps of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.training.following import same_tokens
from mlm_pretrain.training.phases.config import OF_THE_FIRST, Phase, length_of, resolve, with_room
from mlm_pretrain.training.phases.training import check_together
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.replay.mixing import places_of

_SUMS = ("steps", "minutes", "tokens_in_all", "disk_gb")
_MOST = ("parameters", "memory_gb")


def plan_phases(config: PretrainConfig, phases: Sequence[Phase]) -> dict[str, Any]:
    """As `plan`, of every phase under its name in `phases`, with sums and maxima over all of them beside.

    A phase's model is not there before the one before has ended: its steps are tried out on a fresh one of
    the same size.
    """
    return plan_all(with_room(resolve(config, phases)))


def plan_all(configs: Sequence[PretrainConfig]) -> dict[str, Any]:
    """As `plan_phases`, of the runs that the phases are."""
    check_together(configs)
    found: dict[str, dict[str, Any]] = {}
    for phase in configs:
        last = list(found.values())[-1:]
        found[phase.name] = plan(_alone(phase, configs[0], last[0]) if last else phase)
    plans = list(found.values())
    return {
        "phases": found,
        **{name: round(sum(part[name] for part in plans), 3) for name in _SUMS},
        **{name: max(part[name] for part in plans) for name in _MOST},
    }


def _alone(phase: PretrainConfig, first: PretrainConfig, last: dict[str, Any]) -> PretrainConfig:
    """A phase as a run that begins as the first one does, with the rate and tokens a step of the `last`."""
    if first.follows is not None:
        return phase.model_copy(update={"follows": first.follows})
    beginning = {name: getattr(first, name) for name in OF_THE_FIRST}
    rows = last["rows_a_step"] // phase.accumulation
    same = same_tokens(rows, last["max_length"], length_of(phase.data))
    return phase.model_copy(
        update={
            **beginning, "follows": None, "optimizer_state": "auto",
            "learning_rate": phase.learning_rate or last["learning_rate"],
            "batch_size": phase.batch_size or min(same, _rows_of(phase)),
        }
    )  # fmt: skip


def _rows_of(config: PretrainConfig) -> int:
    """That an epoch shows, with those that are mixed in."""
    rows = int(read_manifest(config.data, "prepare").counts["train"]["rows"])
    return places_of(rows, config.replay.share) if config.replay is not None else rows
