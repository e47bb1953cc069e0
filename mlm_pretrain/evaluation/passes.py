"""The forward passes of a batch: packed rows in, nats over the predicted tokens out; for training too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import torch

from mlm_pretrain.modeling.attention.directions import looks_left
from mlm_pretrain.modeling.attention.inputs import PackedInputs, packed_inputs
from mlm_pretrain.modeling.compilation import filled_up
from mlm_pretrain.modeling.sparse_head import HeadPlan, loss_in_head, predict_only
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.objective import Predicted

Result = TypeVar("Result")
_NOT_FOR_MODELS = ("labels", "weights")


class ModelPasses:
    """A model as losses call it.

    Args:
        model: the Hugging Face model itself.
        head: what may be left out (see `sparse_head.plan_head`).
        autocast: for passes through a part of the model; the whole brings its own where it was prepared.

    Attributes:
        outputs: what the model returned last. Where the output layer is not plain it holds the scores
            (1, P, V), and of more tokens where shapes are kept.
    """

    def __init__(
        self, model: Any, head: HeadPlan, autocast: Callable[[], Any] = nullcontext
    ) -> None:
        self.model, self.head, self.autocast = model, head, autocast
        self.outputs: Any = None

    def predict(
        self,
        batch: Mapping[str, torch.Tensor],
        objective: Objective,
        weights_BL: torch.Tensor | None = None,
    ) -> Predicted:
        """Score the tokens that the batch's `labels` (B, L) say are to be predicted.

        Args:
            weights_BL: of each position's loss in the sum.
        """
        rows = {name: value for name, value in batch.items() if name not in _NOT_FOR_MODELS}
        inputs = packed_inputs(
            self.model, rows, objective.is_causal, keeps_padding=self.head.keeps_shapes
        )
        labels = inputs.labels(batch["labels"])
        positions_P, targets_P = objective.predicted_positions(labels)
        rows_P = inputs.places_in_rows(positions_P)
        weights_P = None if weights_BL is None else weights_BL.flatten()[rows_P]
        if self.head.keeps_shapes:
            positions_P = filled_up(positions_P, labels.numel())
        call = self._in_head if self.head.is_plain else self._on_scores
        total, nats_P = call(inputs, positions_P, targets_P, weights_P)
        return Predicted(total, nats_P, targets_P, rows_P)

    def states(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The last hidden states (B, L, H) of rows of ids, each of one segment or packed; 0 at padding."""
        rows = {name: value for name, value in batch.items() if name not in _NOT_FOR_MODELS}
        inputs = packed_inputs(self.model, rows, looks_left(self.model))
        with self.autocast():
            found = self.model.base_model(**inputs.arguments)[0]
        return inputs.in_rows(found.float(), batch["input_ids"].shape)

    def _in_head(
        self,
        inputs: PackedInputs,
        positions_P: torch.Tensor,
        targets_P: torch.Tensor,
        weights_P: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with (
            predict_only(self.model, positions_P, self.head.trimming),
            loss_in_head(self.model, targets_P, weights_P) as loss,
        ):
            self.outputs = self.model(**inputs.arguments)
        if loss.total is None or loss.nats_P is None:
            raise RuntimeError(f"{type(self.model).__name__} did not call its output layer")
        return loss.total, loss.nats_P

    def _on_scores(
        self,
        inputs: PackedInputs,
        positions_P: torch.Tensor,
        targets_P: torch.Tensor,
        weights_P: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with predict_only(self.model, positions_P, self.head.trimming):
            self.outputs = self.model(**inputs.arguments)
        logits = self.outputs["logits"] if isinstance(self.outputs, dict) else self.outputs[0]
        logits_PV = logits[0, : len(targets_P)].float()
        nats_P = torch.nn.functional.cross_entropy(logits_PV, targets_P, reduction="none")
        total = nats_P.sum() if weights_P is None else nats_P @ weights_P
        return total, nats_P.detach()


def summed_loss(
    model: torch.nn.Module,
    batch: Mapping[str, torch.Tensor],
    objective: Objective,
    *,
    head: HeadPlan,
) -> tuple[torch.Tensor, int, Any]:
    """(loss summed over the predicted tokens, their number P, what the model returned)."""
    passes = ModelPasses(model, head)
    found = passes.predict(batch, objective)
    return found.total, len(found.nats_P), passes.outputs


def inside_one_call(model: Any, wrapped: Any, compute: Callable[[], Result]) -> Result:
    """`compute()`, within one call of what `model` is wrapped into.

    DistributedDataParallel prepares its exchange of gradients each time it is called. So it is called once,
    however many passes through the model the loss takes.
    """
    if wrapped is None or wrapped is model:
        return compute()
    given = vars(model).get("forward")

    def forward() -> Result:
        _set_forward(model, given)
        return compute()

    model.forward = forward
    try:
        result: Result = wrapped()
    finally:
        _set_forward(model, given)
    return result


def _set_forward(model: Any, given: Any) -> None:
    """The forward that the model object had of its own, or that of its class."""
    if given is not None:
        model.forward = given
    else:
        vars(model).pop("forward", None)
