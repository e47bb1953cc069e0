"""chrF of a corpus: runs of one to six letters that translations share with their references.

Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".
"""

from __future__ import annotations

from typing import Any

from sacrebleu.metrics.chrf import CHRF

from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe


class Chrf(LocalMetric):
    """`{"chrf": …, "chrf_signature": …}` as a share of 1; it needs no words, and suits any script."""

    def _info(self) -> Any:
        return describe(__doc__ or "", (TEXT, TEXT))

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        scorer = CHRF()
        score = scorer.corpus_score(predictions, [references]).score
        return {"chrf": min(1.0, float(score) / 100), "chrf_signature": str(scorer.get_signature())}
