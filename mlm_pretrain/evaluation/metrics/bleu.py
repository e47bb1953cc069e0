"""BLEU of a corpus: runs of one to four words that translations share with their references.

Source: Papineni et al. 2002, "BLEU"; Post 2018, "A Call for Clarity in Reporting BLEU Scores".
"""

from __future__ import annotations

from typing import Any

from sacrebleu.metrics.bleu import BLEU

from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe


class Bleu(LocalMetric):
    """`{"bleu": …, "bleu_signature": …}`: counts summed over the corpus, then one score, a share of 1.

    `tokenizer` is one of sacrebleu's that need no download: "13a" as published scores, "intl",
    "zh", "char" or "none". Scores are comparable where their signatures are equal.
    """

    def _info(self) -> Any:
        return describe(__doc__ or "", (TEXT, TEXT))

    def _compute(
        self, predictions: list[str], references: list[str], tokenizer: str = "13a"
    ) -> dict[str, Any]:
        # `force` only silences advice about texts that look tokenised; the score is the same.
        scorer = BLEU(tokenize=tokenizer, force=True)
        score = scorer.corpus_score(predictions, [references]).score
        return {"bleu": min(1.0, float(score) / 100), "bleu_signature": str(scorer.get_signature())}
