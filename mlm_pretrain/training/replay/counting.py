"""Rows, tokens and losses of a run's own text and of what is mixed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mlm_pretrain.objectives import hybrid
from mlm_pretrain.objectives.objective import Objective, Predicted, count_predicted
from mlm_pretrain.training.replay.reading import SOURCES
from mlm_pretrain.training.terms import TermMeans

OWN, REPLAY = "domain", "replay"
# What they count is predicted at its place in the batch's rows.
_BY_ROWS = (count_predicted, hybrid.count)


def counted(batch: Mapping[str, torch.Tensor]) -> list[int]:
    """[rows, rows that are replayed, tokens of these] of a batch."""
    sources_B2 = batch[SOURCES]
    is_replay_B = sources_B2[:, 0]
    return [len(sources_B2), int(is_replay_B.sum()), int((is_replay_B * sources_B2[:, 1]).sum())]


def is_told_apart(objective: Objective) -> bool:
    """Whether the loss of each row is known."""
    return objective.count in _BY_ROWS


class SourceMeans(TermMeans):
    """The mean loss of either text's predicted tokens since the last log."""

    def __init__(self, device: torch.device) -> None:
        super().__init__("sources")
        self._none = torch.zeros(4, dtype=torch.float64, device=device)
        self._begin()

    def note(self, predicted: Predicted, sources_B2: torch.Tensor, length: int) -> None:
        """Of one micro-batch (B, `length`) of this process."""
        is_replay_P = sources_B2[:, 0].to(predicted.rows_P.device)[predicted.rows_P // length]
        nats_P = predicted.nats_P.double()
        total, count = nats_P.sum(), len(nats_P)
        theirs, number = (nats_P * is_replay_P).sum(), is_replay_P.sum()
        found = (total - theirs, count - number, theirs, number)
        self.add({n: s.double() for n, s in zip(self.sums, found, strict=True)})

    def take(self) -> dict[str, float]:
        """The means since this was last asked; of a text that had no tokens none."""
        own, own_count, theirs, their_count = (float(s) for s in self.sums.values())
        self._begin()
        pairs = {OWN: (own, own_count), REPLAY: (theirs, their_count)}
        return {name: total / count for name, (total, count) in pairs.items() if count}

    def _begin(self) -> None:
        names = [f"{part}_{what}" for part in (OWN, REPLAY) for what in ("nats", "tokens")]
        self.sums = dict(zip(names, self._none, strict=True))

    def restore(self, facts: Mapping[str, Any], device: torch.device, is_first: bool) -> None:
        super().restore(facts, device, is_first)
        if not self.sums:
            self._begin()
