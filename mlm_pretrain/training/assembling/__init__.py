"""Everything a run is made of, checked before its first step; and the trainer built from it.

materials.py   what a run is made of, in one record
objectives.py  what is learnt, by the settings
models.py      the network: a fresh one, a checkpoint, or that of the run before
settings.py    what the settings leave open, filled in
gathering.py   reads and checks all of it
building.py    materials → trainer
"""

from mlm_pretrain.training.assembling.building import build_trainer, training_arguments
from mlm_pretrain.training.assembling.gathering import assemble
from mlm_pretrain.training.assembling.materials import Materials
from mlm_pretrain.training.assembling.objectives import objective_config_of, objective_of

__all__ = [
    "Materials", "assemble", "build_trainer", "objective_config_of", "objective_of",
    "training_arguments",
]  # fmt: skip
