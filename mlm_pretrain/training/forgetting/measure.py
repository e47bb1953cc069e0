"""The losses of a model on fixed rows with fixed masks, of general text and of the run's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlm_pretrain.evaluation.perplexity import score_rows
from mlm_pretrain.evaluation.texts import EvaluationRows
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.precision import Precision
from mlm_pretrain.training.forgetting.rows import some_of

GENERAL, DOMAIN = "general", "domain"
FEWEST_ROWS = 16
_MEASURED = ("mlm", "clm")  # what a loss of tokens is known of


def can_be_measured(objective: Objective) -> bool:
    """Whether its model predicts tokens of a text."""
    return objective.figures is None and objective.served[0] in _MEASURED


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


@dataclass
class Taken:
    """One measurement.

    Attributes:
        losses: of each text.
        seconds: that they took.
        across: bits for each byte of each text, where tokens were added, at the first one.
        besides_seconds: that went into these, and into what a first one needs.
        coming_seconds: that they will take once more.
    """

    losses: dict[str, float]
    seconds: float
    across: dict[str, dict[str, Any]] = field(default_factory=dict)
    besides_seconds: float = 0.0
    coming_seconds: float = 0.0

    @property
    def all_seconds(self) -> float:
        """All that have passed."""
        return self.seconds + self.besides_seconds
