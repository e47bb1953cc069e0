"""The forward passes of a batch: packed rows in, nats over the predicted tokens out; for training too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import copy
from functools import partial
from typing import Any, TypeAlias, TypeVar

import torch

from mlm_pretrain.modeling.attention.directions import looks_left
from mlm_pretrain.modeling.attention.inputs import PackedInputs, packed_inputs
from mlm_pretrain.modeling.shapes import filled_up
from mlm_pretrain.modeling.sparse_head import HeadPlan, loss_in_head, predict_only
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.masked import predicted_positions
from mlm_pretrain.objectives.objective import Predicted

Result = TypeVar("Result")
Scores: TypeAlias = Callable[[slice], torch.Tensor]


class ModelPasses:
    """A model as losses call it.

    Args:
        model: the Hugging Face model itself.
        head: what may be left out (see `sparse_head.plan_head`).
        autocast: for passes through a part of the model; the whole brings its own where it was prepared.

    Attributes:
        outputs: what the model returned last. Where the output layer is not plain it holds the scores
            (1, P, V), and of more tokens where shapes are kept.
        kept: the last hidden states (1, P', H) of the tokens that were predicted or read.
        heads: what the objective trains beside the model; None where it trains nothing.
    """

    def __init__(
        self, model: Any, head: HeadPlan, autocast: Callable[[], Any] = nullcontext
    ) -> None:
        self.model, self.head, self.autocast = model, head, autocast
        self.call: Callable[..., Any] = model
        self.outputs: Any = None
        self.kept = torch.empty(0)
        self.heads: Any = getattr(model, "pretraining_heads", None)

    def part(self, name: str) -> ModelPasses:
        """The passes of a model beside this one, in the same precision."""
        passes, part = copy(self), getattr(self.heads, name)
        passes.model, passes.head = part, self.head.parts.get(name, HeadPlan())
        passes.call = partial(_called_in, self.autocast, part)
        passes.heads = getattr(part, "pretraining_heads", None)
        return passes

    def seeing(self, name: str) -> ModelPasses:
        """The same passes with the heads of one objective among several; None where it has none."""
        passes = copy(self)
        passes.heads = self.heads[name] if self.heads is not None and name in self.heads else None
        return passes

    def predict(
        self,
        batch: Mapping[str, torch.Tensor],
        objective: Objective,
        weights_BL: torch.Tensor | None = None,
        reads: torch.Tensor | None = None,
    ) -> Predicted:
        """Score the tokens that the batch's `labels` (B, L) say are to be predicted.

        Args:
            weights_BL: of each position's loss in the sum.
            reads: flat positions (N) in the rows, ascending, whose last hidden states are wanted too.
        """
        rows = for_models(batch)
        inputs = packed_inputs(self.model, rows, objective.is_causal, shares=self.head.shares)
        labels = inputs.labels(batch["labels"])
        positions_P, targets_P = objective.predicted_positions(labels)
        rows_P = inputs.places_in_rows(positions_P)
        weights_P = None if weights_BL is None else weights_BL.flatten()[rows_P]
        read_N = positions_P[:0] if reads is None else inputs.places_in_line(reads)
        kept = torch.cat([positions_P, read_N])
        if self.head.shares:
            kept = filled_up(kept, labels.numel())
        total, nats_P, scores = self._score(inputs, kept, targets_P, weights_P)
        behind = slice(len(positions_P), len(positions_P) + len(read_N))
        return Predicted(total, nats_P, targets_P, rows_P, scores, self.kept[0, behind].float())

    def predict_pairs(self, pairs: Mapping[str, torch.Tensor]) -> Predicted:
        """Score the targets `labels` (N, D) that an encoder–decoder is to write of what it reads."""
        positions_P, targets_P = predicted_positions(pairs["labels"])
        shifted_ND = self.model.prepare_decoder_input_ids_from_labels(pairs["labels"])
        rows = for_models(pairs)
        inputs = PackedInputs({**rows, "decoder_input_ids": shifted_ND, "use_cache": False}, None)
        total, nats_P, scores = self._score(inputs, positions_P, targets_P)
        none = self.kept[0, :0].float()
        return Predicted(total, nats_P, targets_P, positions_P, scores, none)

    def scores(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the head gives (B, L, K) of each token of rows of ids; 0 at padding."""
        rows = for_models(batch)
        inputs = packed_inputs(self.model, rows, looks_left(self.model), shares=self.head.shares)
        self.outputs = self.call(**inputs.arguments)
        found = _logits(self.outputs)
        scores = found if found.dim() == 3 else found[..., None]  # one score a token: ELECTRA
        return inputs.in_rows(scores.float(), batch["input_ids"].shape)

    def states(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The last hidden states (B, L, H) of rows of ids, each of one segment or packed; 0 at padding."""
        return self.states_of(self.model.base_model, batch)

    def states_of(self, encoder: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """As `states`, of a copy of the model's encoder that shares its settings."""
        rows = for_models(batch)
        inputs = packed_inputs(self.model, rows, looks_left(self.model))
        with self.autocast():
            found = encoder(**inputs.arguments)[0]
        return inputs.in_rows(found.float(), batch["input_ids"].shape)

    def _score(
        self,
        inputs: PackedInputs,
        positions_P: torch.Tensor,
        targets_P: torch.Tensor,
        weights_P: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, Scores]:
        """(summed loss, each token's, their scores), computed in the output layer where it is plain."""
        is_plain = self.head.is_plain
        in_head = loss_in_head(self.model, targets_P, weights_P) if is_plain else nullcontext()
        with predict_only(self.model, positions_P, self.head.trimming) as kept, in_head as loss:
            self.outputs = self.call(**inputs.arguments)
        (self.kept,) = kept
        if loss is None:
            return _on_scores(_logits(self.outputs)[0], targets_P, weights_P)
        if loss.total is None or loss.nats_P is None:
            raise RuntimeError(f"{type(self.model).__name__} did not call its output layer")
        return loss.total, loss.nats_P, loss.scores


def _on_scores(
    logits_PV: torch.Tensor, targets_P: torch.Tensor, weights_P: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, Scores]:
    """The targets belong to the first of the scores."""
    logits_PV = logits_PV[: len(targets_P)].float()
    nats_P = torch.nn.functional.cross_entropy(logits_PV, targets_P, reduction="none")
    total = nats_P.sum() if weights_P is None else nats_P @ weights_P
    return total, nats_P.detach(), logits_PV.detach().__getitem__


def for_models(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch without what only its loss looks at."""
    return {
        name: value
        for name, value in batch.items()
        if not name.endswith("labels") and "/" not in name and name != "progress"
    }


def _called_in(context: Callable[[], Any], model: Any, **arguments: Any) -> Any:
    with context():
        return model(**arguments)


def _logits(outputs: Any) -> torch.Tensor:
    found: torch.Tensor = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    return found


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
