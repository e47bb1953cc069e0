"""Counts the FLOPs of a training's first steps, whatever their loss computes.

An objective has nothing to say of its cost: each pass through a model that its loss asks for is noted as it
is made, with what its cost follows from, and counted when the sum is asked for. So the count is that of real
batches: of the rows that were drawn to be read from left to right, of the tokens that were masked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainerCallback

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.directions import looks_left
from mlm_pretrain.modeling.flops import PassSize, pairs_flops, pass_flops
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.objective import Batch, Predicted
from mlm_pretrain.objectives.token_loss import IGNORED

_LAYOUT = ("input_ids", "attention_mask", "segment_ids", "position_ids", "is_causal")


class NotedPasses(ModelPasses):
    """The passes themselves; beside each, a function that counts its FLOPs is put down in `notes`."""

    def __init__(self, notes: list[Callable[[], float]], *given: Any) -> None:
        super().__init__(*given)
        self.notes = notes

    def predict(
        self,
        batch: Mapping[str, torch.Tensor],
        objective: Objective,
        weights_BL: torch.Tensor | None = None,
        reads: torch.Tensor | None = None,
    ) -> Predicted:
        found = super().predict(batch, objective, weights_BL, reads)
        trimming = self.head.trimming
        self._note(
            batch, objective.is_causal, scored=len(found.nats_P),
            trimmed_weights=trimming.weights if trimming else 0,
            kept=len(found.nats_P) + len(found.states_NH),
        )  # fmt: skip
        return found

    def predict_pairs(self, pairs: Mapping[str, torch.Tensor]) -> Predicted:
        read_NS, written_ND = pairs["attention_mask"] > 0, pairs["labels"] != IGNORED
        learns = torch.is_grad_enabled()

        def flops() -> float:
            return pairs_flops(self.model, _lengths(read_NS), _lengths(written_ND), learns)

        self.notes.append(flops)
        return super().predict_pairs(pairs)

    def scores(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        self._note(batch, looks_left(self.model), scored=None)
        return super().scores(batch)

    def states_of(self, encoder: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        self._note(batch, looks_left(self.model), scored=0)
        return super().states_of(encoder, batch)

    def _note(self, batch: Batch, is_causal: bool, scored: int | None, **trimmed: int) -> None:
        """A pass over a batch, of whose tokens so many are scored; None: all."""
        layout = {name: batch[name] for name in _LAYOUT if name in batch}
        learns = torch.is_grad_enabled()

        def flops() -> float:
            lengths_N, is_causal_N = segments_of(layout, is_causal)
            count = int(lengths_N.sum()) if scored is None else scored
            size = PassSize(lengths_N, is_causal_N, count, learns=learns, **trimmed)
            return pass_flops(self.model, size)

        self.notes.append(flops)


def segments_of(layout: Batch, is_causal: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(lengths of the segments in a batch (N), whether each looks only to the left (N))."""
    if "segment_ids" in layout:
        starts_BL = (layout["position_ids"] == 0) & (layout["segment_ids"] > 0)
        rows_N = starts_BL.nonzero()[:, 0].cpu().numpy()
        number_T = starts_BL.flatten().cumsum(0)[layout["segment_ids"].flatten() > 0] - 1
        lengths_N = torch.bincount(number_T, minlength=len(rows_N)).cpu().numpy()
    else:
        ids_BL = layout["input_ids"]
        lengths_N = _lengths(layout.get("attention_mask", torch.ones_like(ids_BL)) > 0)
        rows_N = np.arange(len(lengths_N))
    if "is_causal" in layout:
        return lengths_N, layout["is_causal"].cpu().numpy()[rows_N]
    return lengths_N, np.full(len(lengths_N), is_causal)


def _lengths(is_token_NL: torch.Tensor) -> NDArray[np.int64]:
    found: NDArray[np.int64] = is_token_NL.sum(1).cpu().numpy()
    return found


class FlopsCallback(TrainerCallback):
    """Notes the passes of the first steps of a `TokenTrainer`, on this process.

    Args:
        steps: so many. Noting takes microseconds, but keeps the layouts of their batches.
    """

    def __init__(self, trainer: Any, steps: int) -> None:
        self.trainer, self.limit = trainer, steps
        self.steps, self._tokens = 0, 0
        self._notes: list[Callable[[], float]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.steps, self._tokens = 0, 0
        self._notes.clear()  # of steps that ran out of memory
        self.trainer.passes = partial(NotedPasses, self._notes)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.steps < self.limit:
            self.steps, self._tokens = self.steps + 1, self.trainer.tokens_this_run
        if self.steps == self.limit:
            self.trainer.passes = ModelPasses

    @property
    def flops_a_step(self) -> float:
        """Model FLOPs of a step, forward and backward: the mean over those that were noted."""
        return sum(count() for count in self._notes) / max(self.steps, 1)

    @property
    def tokens_a_step(self) -> float:
        """Tokens of a step, as they are counted in logs."""
        return self._tokens / max(self.steps, 1) / self.trainer.args.world_size
