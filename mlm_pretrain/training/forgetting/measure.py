"""The losses of a model on fixed rows with fixed masks, of general text and of the run's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlm_pretrain.evaluation.perplexity import score_rows
from mlm_pretrain.evaluation.texts import EvaluationRows
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.precision import Precision
from mlm_pretrain.training.forgetting.rows import some_of

GENERAL, DOMAIN = "general", "domain"
FEWEST_ROWS = 16


@dataclass
class Measure:
    """What is measured, and how.

    Attributes:
        texts: general text, and the run's own where it keeps some for validation.
        count: rows of each.
        objective: what the model is used for: filling gaps, or continuing text.
    """

    texts: dict[str, EvaluationRows]
    count: int
    objective: Objective
    vocabulary: Vocabulary
    precision: Precision
    batch_size: int

    @property
    def rows(self) -> int:
        """Rows that one measurement scores."""
        return sum(min(self.count, len(rows)) for rows in self.texts.values())

    def losses(self, model: Any) -> dict[str, float]:
        """Nats a predicted token of each text."""
        return {
            name: float(
                score_rows(
                    model, some_of(rows, self.count), self.objective, self.vocabulary,
                    precision=self.precision, batch_size=self.batch_size,
                )["loss_nats"]
            )
            for name, rows in self.texts.items()
        }  # fmt: skip
