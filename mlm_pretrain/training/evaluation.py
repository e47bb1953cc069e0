"""A Trainer's evaluation loss weighted by tokens, and each row counted once however many processes there are.

The stock Trainer averages over batches, so that one with few predicted tokens weighs as much as any other,
and counts again the rows that only even out the processes' shares.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers.trainer_utils import has_length

from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.training.batches import labels_of


def token_weighted_metrics(trainer: Any, dataloader: Any, prefix: str) -> dict[str, float]:
    """Loss in nats, perplexity, and the number of tokens predicted, over all processes.

    Args:
        trainer: a `TokenTrainer`.
        dataloader: its batches, this process's share.
        prefix: of the names, "eval" say.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    was_training = model.training
    model.eval()
    total, count = _sums(trainer, model, dataloader)
    model.train(was_training)
    if trainer.args.world_size > 1:
        sums = torch.tensor([total, count], dtype=torch.float64, device=trainer.args.device)
        total, count = trainer.accelerator.reduce(sums, "sum").tolist()
    loss = total / max(count, 1)
    return {
        f"{prefix}_loss": loss,
        f"{prefix}_perplexity": math.exp(min(loss, 700.0)),
        f"{prefix}_predicted_tokens": count,
    }


def _sums(trainer: Any, model: torch.nn.Module, dataloader: Any) -> tuple[float, float]:
    """This process's (summed loss, predicted tokens)."""
    total, count = 0.0, 0
    for number, batch in enumerate(dataloader):
        inputs = _without_repeats(trainer, trainer._prepare_inputs(batch), number, dataloader)
        found = len(trainer.objective.predicted_positions(labels_of(inputs))[0])
        if found:
            with torch.no_grad(), trainer.compute_loss_context_manager():
                loss = trainer.compute_loss(model, inputs, num_items_in_batch=None)
            total, count = total + float(loss) * found, count + found
    return total, count


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
    inputs = trainer._prepare_inputs(inputs)
    with torch.no_grad(), trainer.compute_loss_context_manager():
        loss = trainer.compute_loss(model, inputs)
        batch = {name: value for name, value in inputs.items() if name != "labels"}
        unwrapped = trainer.accelerator.unwrap_model(model)
        packed = packed_inputs(unwrapped, batch, trainer.objective.is_causal)
        logits = model(**packed.arguments)["logits"].float()
    return loss, packed.in_rows(logits, inputs["labels"].shape), inputs["labels"]
