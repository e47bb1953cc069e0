"""Two models on labelled tasks, over seeds: which is better, by how much, and how sure that is."""

from __future__ import annotations

from mlm_pretrain.compare.comparison import compare, plan
from mlm_pretrain.compare.grid import Grid
from mlm_pretrain.compare.tasks import LabelledTask, parse_task, scored_metric

__all__ = ["Grid", "LabelledTask", "compare", "parse_task", "plan", "scored_metric"]
