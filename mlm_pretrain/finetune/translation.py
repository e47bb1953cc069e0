"""Translation, and any other rewriting of a text whose words and their order matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.pairs import TextPair, read_translations
from mlm_pretrain.finetune.writing import Writing


class Translation(Writing):
    """One text for another, scored by BLEU and chrF of the whole corpus."""

    names: ClassVar[tuple[str, str]] = ("source", "target")

    @property
    def key(self) -> str:
        languages = (self.config.source_language, self.config.target_language)
        return f"translation_{languages[0]}_to_{languages[1]}" if all(languages) else "translation"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bleu", "chrf")

    def read(self, spec: str, split: str) -> list[TextPair]:
        return read_translations(spec, split, self.config)

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sides = {
            "predictions": [row["prediction"] for row in rows],
            "references": [row["target"] for row in rows],
        }
        return {
            **load_metric("bleu").compute(**sides, tokenizer=self.config.bleu_tokenizer),
            **load_metric("chrf").compute(**sides),
            "unfinished": self.unfinished(rows),
        }
