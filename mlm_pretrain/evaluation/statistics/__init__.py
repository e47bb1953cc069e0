"""What a difference between two models is worth: intervals over examples and seeds, and corrections."""

from __future__ import annotations

from mlm_pretrain.evaluation.statistics.effect import Effect, paired_effect, require_examples
from mlm_pretrain.evaluation.statistics.holm import holm
from mlm_pretrain.evaluation.statistics.labels_saved import Saving, labels_saved
from mlm_pretrain.evaluation.statistics.scorers import (
    Scorer,
    check_kind,
    check_scorable,
    drawn_count,
    scored_kinds,
    scorer,
)

__all__ = [
    "Effect",
    "Saving",
    "Scorer",
    "check_kind",
    "check_scorable",
    "drawn_count",
    "holm",
    "labels_saved",
    "paired_effect",
    "require_examples",
    "scored_kinds",
    "scorer",
]
