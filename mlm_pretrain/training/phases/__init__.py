"""A training in several phases, each a run of its own that follows the one before.

config.py    what differs between phases → the settings of each run
record.py    the folder: what was asked for, which phases are begun and finished
training.py  one phase after the other; goes on with the one that was stopped
planning.py  what each phase will do, and all of them together
"""

from mlm_pretrain.training.phases.config import Phase
from mlm_pretrain.training.phases.planning import plan_all, plan_phases
from mlm_pretrain.training.phases.record import is_phased, newest_run, recorded_phases
from mlm_pretrain.training.phases.training import pretrain_phases, resume_phases

__all__ = [
    "Phase", "is_phased", "newest_run", "plan_all", "plan_phases", "pretrain_phases", "recorded_phases",
    "resume_phases",
]  # fmt: skip
