"""Fine-tuning: a labelled task on any `from_pretrained` folder, so any encoder is a baseline."""

from __future__ import annotations

from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.kinds import TASKS
from mlm_pretrain.finetune.robustness import robustness
from mlm_pretrain.finetune.run import finetune, plan
from mlm_pretrain.finetune.scoring import score_folder
from mlm_pretrain.finetune.searching import plan_search, search

__all__ = [
    "TASKS",
    "FinetuneConfig",
    "finetune",
    "plan",
    "plan_search",
    "robustness",
    "score_folder",
    "search",
]
