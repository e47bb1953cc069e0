"""ROUGE: the words and runs of words that a summary shares with its reference.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
# Letters and digits of any script. Where words are not spaced every sign is one, as in character BLEU:
# Chinese and Japanese, Thai, Lao, Khmer, Burmese.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


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
    """Words of any script in lower case; of scripts without spaces each sign."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, in order."""
        return _WORD.findall(text.lower())


def has_english_words(text: str) -> bool:
    """Whether `words="english"` leaves anything of `text` to be scored."""
    return re.search("[a-z0-9]", text.lower()) is not None
