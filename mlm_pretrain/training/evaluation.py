"""A Trainer's evaluation loss weighted by tokens, and each row counted once however many processes there are.

The stock Trainer averages over batches, so that one with few predicted tokens weighs as much as any other,
and counts again the rows that only even out the processes' shares.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from transformers.trainer_utils import EvalLoopOutput, has_length

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.passes import for_models
from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.training.batches import labels_of
from mlm_pretrain.training.terms import found_loss

if TYPE_CHECKING:
    from transformers import Trainer
else:
    Trainer = object  # it stands before the Trainer among the bases, and is none itself


class Evaluating(Trainer):
    """Mixed into a Trainer: what it says of its model between steps."""

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """As in `Trainer`, but the loss is weighted by tokens, and perplexity stands beside it.

        Without `compute_metrics` no scores are kept at all; with it they are dense, (N, L, V).
        """
        metrics = token_weighted_metrics(self, dataloader, metric_key_prefix)
        if prediction_loss_only:
            return EvalLoopOutput(None, None, metrics, self.num_examples(dataloader))
        dense = super().evaluation_loop(
            dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
        )
        return dense._replace(metrics={**dense.metrics, **metrics})

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Any, Any, Any]:
        """Dense scores (B, L, V) and labels (B, L) of one batch, aligned with its positions."""
        return dense_prediction(self, model, inputs)


def token_weighted_metrics(trainer: Any, dataloader: Any, prefix: str) -> dict[str, float]:
    """Loss in nats, perplexity, and the number of tokens predicted, over all processes.

    Where the loss has several terms, they stand beside it, each with its count.

    Args:
        trainer: a `TokenTrainer`.
        dataloader: its batches, this process's share.
        prefix: of the names, "eval" say.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    was_training = model.training
    model.eval()
    sums = _sums(trainer, model, dataloader)
    model.train(was_training)
    if trainer.args.world_size > 1:
        sums = trainer.accelerator.reduce(sums, "sum")
    names = trainer.objective.terms
    means = {n: float(s) / max(float(c), 1.0) for n, (s, c) in zip(names, sums, strict=True)}
    loss = trainer.objective.combined(means, trainer.objective_config)
    found = {
        f"{prefix}_loss": loss,
        f"{prefix}_perplexity": math.exp(min(loss, 700.0)),
        f"{prefix}_predicted_tokens": float(sums[0, 1]),
    }
    if len(names) > 1:
        found |= {f"{prefix}_loss_{name}": mean for name, mean in means.items()}
    return found


def _sums(trainer: Any, model: torch.nn.Module, dataloader: Any) -> torch.Tensor:
    """This process's sum and count of each term (K, 2), float64."""
    objective = trainer.objective
    found_K2 = torch.zeros(len(objective.terms), 2, dtype=torch.float64, device=trainer.args.device)
    for number, batch in enumerate(dataloader):
        inputs = _without_repeats(trainer, trainer._prepare_inputs(batch), number, dataloader)
        labels_of(inputs)
        counts = objective.count(objective, inputs)
        if not any(counts.values()):
            continue
        with torch.no_grad(), trainer.compute_loss_context_manager():
            found, _ = found_loss(trainer, model, inputs, None)
        for place, name in enumerate(objective.terms):
            found_K2[place, 0] += found.sums[name]
            found_K2[place, 1] += counts[name]
    return found_K2


def _without_repeats(
    trainer: Any, inputs: dict[str, Any], number: int, dataloader: Any
) -> dict[str, Any]:
    """This process's `number`-th batch, without the rows that only even out the processes' shares."""
    world = trainer.args.world_size
    if world == 1 or not has_length(dataloader.dataset):
        return inputs
    first = (number * world + trainer.args.process_index) * trainer.args.eval_batch_size
    rows = max(0, len(dataloader.dataset) - first)
    return {name: value[:rows] for name, value in inputs.items()}


def dense_prediction(trainer: Any, model: Any, inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Loss, scores (B, L, V) and labels (B, L) of one batch, aligned with its positions."""
    if trainer.objective.figures is not None:  # what the rows alone give is no part of its loss
        raise InputError(
            f"{type(trainer).__name__}: has no scores for each token that is read",
            "leave compute_metrics out, and judge what the exported model gives",
        )
    inputs = trainer._prepare_inputs(inputs)
    with torch.no_grad(), trainer.compute_loss_context_manager():
        loss = trainer.compute_loss(model, inputs)
        unwrapped = trainer.accelerator.unwrap_model(model)
        packed = packed_inputs(unwrapped, for_models(inputs), trainer.objective.is_causal)
        logits = model(**packed.arguments)["logits"].float()
    return loss, packed.in_rows(logits, inputs["labels"].shape), inputs["labels"]
