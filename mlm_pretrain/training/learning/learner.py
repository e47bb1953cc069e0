"""What learns at a moment of a run: all that may, or in its first part the head and new rows alone.

Whether a head that the checkpoint lacked should learn alone at first was measured on all-MiniLM-L6-v2, which
has none, with 150 steps of 512 tokens of biomedical abstracts and two seeds. With a tenth of the run for the
head alone it ended at 6.18 and 6.27 nats, without at 6.07 and 6.10; a linear probe of question types on its
frozen vectors scored 78.3 and 75.3, without 79.0 and 77.3. Beginning with how frequent tokens are, it lost
5.98 nats at steps 61 to 80 of 300 with a tenth of the run for the head alone at ten times the rate, and 5.91
without: of layers that do not learn a head can say little more than these frequencies. So it is not done
unless it is asked for: the head is built on the embeddings, with the identity before them, and what it gives
back to the layers is of use from the first step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from mlm_pretrain.training.learning.choosing import head_weights
from mlm_pretrain.training.learning.rows import RowRates, Table


@dataclass
class Learner:
    """What a `TokenTrainer` needs so that not all weights change in every step, or not all alike.

    Attributes:
        model: whose weights they are.
        tables: with rows for tokens, where some were added to the vocabulary.
        added: ids of these; none where no token was added.
        added_rate: of their rows, as a factor on the learning rate.
        fixed: tables whose other rows never change.
        warmup_share: of the run, in which only the head and the added rows change.
    """

    model: Any
    tables: list[Table] = field(default_factory=list)
    added: range = range(0)
    added_rate: float = 1.0
    fixed: frozenset[int] = frozenset()
    warmup_share: float = 0.0
    _rates: RowRates | None = None

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimiser's steps change what `before_step` says."""
        self._rates = RowRates(optimizer)

    @property
    def has_effect(self) -> bool:
        """Whether any step is another than it would be without this."""
        of_rows = self.added_rate != 1.0 or bool(self.fixed)
        return (bool(self.added) and of_rows) or self.warmup_share > 0

    def is_warming(self, progress: float) -> bool:
        """Whether the head learns alone when a share `progress` of the run is done."""
        return progress < self.warmup_share

    def before_step(self, progress: float) -> None:
        """Take the gradients of what shall not change, before they are counted in any norm."""
        warming = self.is_warming(progress)
        rates: list[tuple[torch.nn.Parameter, slice, float]] = []
        for table in self.tables:
            rates += self._rows(table, warming)
        if warming:
            self._keep_head_alone()
        for weight, rows, rate in rates:
            if rate == 0.0 and weight.grad is not None:
                weight.grad[rows] = 0.0
        if self._rates is not None:
            self._rates.rates = rates

    def _rows(self, table: Table, warming: bool) -> list[tuple[torch.nn.Parameter, slice, float]]:
        """The rates of a table's rows, but for those that change as all weights do."""
        weight, added = table.weight, self.added
        if not weight.requires_grad:
            return []
        rates = [(weight, slice(added.start, added.stop), self.added_rate)] * (self.added_rate != 1)
        if id(weight) in self.fixed or (warming and not table.is_head):
            others = (slice(0, added.start), slice(added.stop, len(weight)))
            rates += [(weight, rows, 0.0) for rows in others if rows.stop > rows.start]
        return rates

    def _keep_head_alone(self) -> None:
        """Without a gradient the optimiser leaves a weight and its state as they are."""
        learning = {id(p) for p in head_weights(self.model).values()}
        learning |= {id(table.weight) for table in self.tables}
        for weight in self.model.parameters():
            if id(weight) not in learning:
                weight.grad = None

    def identity(self) -> dict[str, Any]:
        """What must stay the same when a run is resumed."""
        added = [self.added.start, self.added.stop] if self.added else None
        return {
            "added": added, "added_rate": self.added_rate, "warmup_share": self.warmup_share,
            "fixed": len(self.fixed),
        }  # fmt: skip
