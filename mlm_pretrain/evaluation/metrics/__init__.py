"""Metrics of our own on `evaluate.Metric`: no network, every score a share between 0 and 1.

`evaluate.load(name)` fetches a script from the Hub even for accuracy; these are files of this
package. One metric a file; adding one is a file and a line in `_METRICS`.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from mlm_pretrain.errors import InputError

# Name to class. The module is imported on demand: `evaluate` takes seconds to import.
_METRICS = {
    "accuracy": "Accuracy",
    "f1": "F1",
    "matthews": "Matthews",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "seqeval": "Seqeval",
    "squad": "Squad",
    "rouge": "Rouge",
    "bleu": "Bleu",
    "chrf": "Chrf",
}


def metric_names() -> list[str]:
    """Names that `load_metric` knows."""
    return sorted(_METRICS)


def load_metric(name: str) -> Any:
    """An `evaluate.Metric` with `.compute(predictions=…, references=…)`, `.add_batch` and so on.

    Raises:
        InputError: for an unknown name, with the nearest known one.
    """
    if name not in _METRICS:
        near = difflib.get_close_matches(name, _METRICS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(metric_names())}"
        raise InputError(f"unknown metric '{name}'", hint)
    module = import_module(f"{__name__}.{name}")
    return getattr(module, _METRICS[name])(keep_in_memory=True)
