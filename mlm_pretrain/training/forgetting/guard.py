"""What a run is guarded by, and how much of it a run by minutes has time for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mlm_pretrain.training.forgetting.measure import FEWEST_ROWS, Measure
from mlm_pretrain.training.forgetting.plan import StepPlan, rows_in_time
from mlm_pretrain.training.forgetting.rows import some_of
from mlm_pretrain.training.forgetting.words import HiddenWords, hidden_words
from mlm_pretrain.training.probing.pace import Pace

# Measurements' worth of scoring where tokens were added: the checkpoint, before and after.
ACROSS = 3


class Paid(NamedTuple):
    """What a run by minutes may spend on being measured.

    Attributes:
        seconds: of the whole run.
        looks: measurements that it shall suffice for.
    """

    seconds: float
    looks: int


@dataclass
class Guard:
    """What a run is guarded by.

    Attributes:
        data_hash: of the general text.
        has_fresh_head: whether the loss falls by what a new head learns, whatever is forgotten.
        pieces: of each token that was added to the checkpoint's vocabulary, the ids that it was before.
        checkpoint: opens the model that the run begins with as it was, with its own vocabulary.
        paid: what the rows have to be fitted to once it is known how long they take; None where they are.
        words: of each text, where tokens were added.
        asked: rows of each text at first, before they are fitted to a time.
    """

    measure: Measure
    plan: StepPlan | Pace
    data_hash: str
    has_fresh_head: bool = False
    pieces: Mapping[int, list[int]] = field(default_factory=dict)
    checkpoint: Callable[[], Any] | None = None
    paid: Paid | None = None
    words: dict[str, HiddenWords] = field(default_factory=dict, init=False)
    asked: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.asked = self.measure.count
        self.show(self.asked)

    def show(self, count: int) -> None:
        """Measure `count` rows of each text from now on."""
        is_known = count == self.measure.count and len(self.words) == len(self.measure.texts)
        self.measure.count = count
        if self.pieces and not is_known:
            how = (self.pieces, self.measure.objective, self.measure.vocabulary)
            texts = self.measure.texts.items()
            self.words = {name: hidden_words(some_of(rows, count), *how) for name, rows in texts}

    def fit(self, model: Any, began: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Show as many rows as there is time for, by how long a few of them take `model`.

        Args:
            began: on the clock; what has passed since is paid for too.
        """
        if self.paid is None or self.asked <= FEWEST_ROWS:
            return
        few = replace(self.measure, count=FEWEST_ROWS)
        few.losses(model)  # the first pass of a process is slower than any other
        started = clock()
        few.losses(model)
        a_row = (clock() - started) / FEWEST_ROWS
        others = ACROSS if self.pieces else 0
        left = self.paid.seconds - (clock() - began)
        self.show(rows_in_time(self.asked, a_row, others, left, self.paid.looks))

    def opened(self, device: Any) -> Any:
        """The checkpoint, to compare with what has another vocabulary; None where there is nothing to."""
        if not self.words or self.checkpoint is None:
            return None
        return self.checkpoint().to(device)

    @property
    def rows(self) -> dict[str, int]:
        """How many of each text are measured."""
        measure = self.measure
        return {name: min(measure.count, len(rows)) for name, rows in measure.texts.items()}
