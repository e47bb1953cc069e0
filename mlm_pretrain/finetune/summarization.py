"""Summarization: a short text for a long one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.pairs import TextPair, read_documents
from mlm_pretrain.finetune.writing import Writing


class Summarization(Writing):
    """Abstractive summaries, scored by ROUGE; the part of a text beyond `max_length` is not read.

    For `rougeLsum` each sentence of prediction and reference is a line, as the published scores
    have it. The best epoch is kept by ROUGE-2: the others reward a row of frequent words ("the the a
    of the") so well that a model which has learnt nothing else can beat its later epochs by them.
    """

    names: ClassVar[tuple[str, str]] = ("text", "summary")

    @property
    def key(self) -> str:
        return "summarization"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("rouge2", "rougeL", "rouge1", "rougeLsum")

    def read(self, spec: str, split: str) -> list[TextPair]:
        return read_documents(spec, split, self.config)

    def check(self, examples: Sequence[TextPair], spec: str) -> None:
        """Refuse summaries of which English ROUGE would see nothing and score 0."""
        from mlm_pretrain.evaluation.metrics.rouge import has_english_words

        if self.config.rouge_words == "any":
            return
        blank = [example for example in examples if not has_english_words(example.target)]
        if len(blank) * 2 > len(examples):
            raise InputError(
                f"{spec}: {len(blank)} of {len(examples)} summaries have no letter a-z and no digit "
                f"(the first at {blank[0].where}): ROUGE as published would score them 0",
                "set rouge_words=any",
            )

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        language = self.config.target_language or "en"
        found: dict[str, Any] = load_metric("rouge").compute(
            predictions=[lined(row["prediction"], language) for row in rows],
            references=[lined(row["summary"], language) for row in rows],
            words=self.config.rouge_words,
        )
        return {**found, "unfinished": self.unfinished(rows)}


def lined(text: str, language: str) -> str:
    """`text` with each sentence on a line of its own; a line's end ends a sentence too."""
    from sentencex import segment

    parts = (part.strip() for line in text.splitlines() for part in segment(language, line))
    return "\n".join(part for part in parts if part)
