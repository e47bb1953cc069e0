"""ROUGE: the words and runs of words that a summary shares with its reference.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
"""

from __future__ import annotations

import re
import unicodedata
from importlib.metadata import version
from typing import Any

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe
from mlm_pretrain.words import WORD

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Rouge(LocalMetric):
    """`{"rouge1", "rouge2", "rougeL", "rougeLsum"}`: F1, the mean over examples, and `rouge_signature`.

    `words="english"` scores as published results do: lower case, a–z and 0–9 alone, Porter's stems.
    Nothing of a text in another script is left then; `words="any"` takes letters and digits of
    every script as they are. `rougeLsum` takes each line as a sentence.
    """

    def _info(self) -> Any:
        return describe(__doc__ or "", (TEXT, TEXT))

    def _compute(
        self, predictions: list[str], references: list[str], words: str = "english"
    ) -> dict[str, Any]:
        tokenizer = AnyWords() if words == "any" else None
        scorer = RougeScorer(list(KINDS), use_stemmer=tokenizer is None, tokenizer=tokenizer)
        pairs = zip(references, predictions, strict=True)
        found = [scorer.score(reference, prediction) for reference, prediction in pairs]
        means = {kind: sum(each[kind].fmeasure for each in found) / len(found) for kind in KINDS}
        stems = "no" if tokenizer else "porter"
        signature = f"words:{words}|stems:{stems}|version:rouge_score {version('rouge_score')}"
        return {**{k: float(v) for k, v in means.items()}, "rouge_signature": signature}


class AnyWords(Tokenizer):
    """Words of any script in lower case; of scripts without spaces each sign, as in character BLEU."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, in order; an accent is the same as one character or as two."""
        return WORD.findall(unicodedata.normalize("NFC", text.lower()))


def has_english_words(text: str) -> bool:
    """Whether `words="english"` leaves anything of `text` to be scored."""
    return re.search("[a-z0-9]", text.lower()) is not None
