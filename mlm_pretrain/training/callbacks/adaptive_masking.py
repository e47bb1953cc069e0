"""Keeps count of what the model gets wrong, and lets the masks of the next step follow it.

The masks of a step are drawn when it begins, in the training process: a worker that made batches ahead would
use the weights of an earlier step, and of another one after a resume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import TrainerCallback

from mlm_pretrain.objectives.masking.adaptive import choice_weights, moved, tally
from mlm_pretrain.objectives.objective import Predicted

DECAY = 0.9  # of an id's running mean, each time it is predicted in a step: ten steps' worth


class AdaptiveMasking(TrainerCallback):
    """The running mean loss of every id, and the weights for the draw that follow from it.

    Args:
        masker: a `MaskedCollator`, whose `weights_V` is set after every step.
        strength: how strongly the masks follow (see `MaskedConfig.adaptive`).
    """

    def __init__(self, masker: Any, strength: float) -> None:
        self.masker, self.strength = masker, strength
        size = masker.vocabulary.size
        self.mean_nats_V = torch.zeros(size, dtype=torch.float64)
        self.seen_V = torch.zeros(size, dtype=torch.int64)
        self._tally_2V: torch.Tensor | None = None

    def add(self, predicted: Predicted) -> None:
        """Take note of one micro-batch's losses."""
        found = tally(predicted.ids_P, predicted.nats_P, len(self.seen_V))
        self._tally_2V = found if self._tally_2V is None else self._tally_2V + found

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        size, device = len(self.seen_V), args.device
        found = self._tally_2V
        if found is None:  # a step that was passed over
            found = torch.zeros(2, size, dtype=torch.int64, device=device)
        if args.world_size > 1:
            torch.distributed.all_reduce(found)
        self.mean_nats_V, self.seen_V = moved(self.mean_nats_V, self.seen_V, found.cpu(), DECAY)
        self._tally_2V = None
        self._follow()

    def _follow(self) -> None:
        mean, seen = self.mean_nats_V.numpy(), self.seen_V.numpy()
        self.masker.weights_V = choice_weights(mean, seen, self.strength)

    def facts(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return {"mean_nats_V": self.mean_nats_V, "seen_V": self.seen_V}

    def restore(self, facts: Mapping[str, torch.Tensor]) -> None:
        """As `facts` had it; without any, as before the first step."""
        self._tally_2V = None
        self.mean_nats_V = facts.get("mean_nats_V", torch.zeros_like(self.mean_nats_V))
        self.seen_V = facts.get("seen_V", torch.zeros_like(self.seen_V))
        self._follow()


def masker_of(collator: Any) -> Any:
    """What draws the masks of an objective's collator; None where nothing is masked."""
    return collator if hasattr(collator, "weights_V") else getattr(collator, "masked", None)


def adaptive_masking(collator: Any) -> AdaptiveMasking | None:
    """The callback that a collator's settings ask for."""
    masker = masker_of(collator)
    strength = masker.config.adaptive if masker is not None else 0.0
    return AdaptiveMasking(masker, strength) if strength else None
