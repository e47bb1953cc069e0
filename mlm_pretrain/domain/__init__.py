"""A domain before a model is adapted to it: how far it is, what it would cost, and what must not be in it.

from mlm_pretrain.domain import clean, forecast, measure

found = measure("model", ["domain/"], general=["wikipedia.jsonl.gz"], tasks=[parse_task("ner:data/bc5cdr")])
print(found["advice"]["verdict"], found["advice"]["reasons"])
"""

from __future__ import annotations

from mlm_pretrain.domain.cleaning import clean
from mlm_pretrain.domain.config import MeasureConfig
from mlm_pretrain.domain.forecast import check_budget, forecast, row_length
from mlm_pretrain.domain.measuring import measure
from mlm_pretrain.domain.report import write_report
from mlm_pretrain.evaluation.opening import open_model

__all__ = [
    "MeasureConfig",
    "check_budget",
    "clean",
    "forecast",
    "measure",
    "open_model",
    "row_length",
    "write_report",
]
