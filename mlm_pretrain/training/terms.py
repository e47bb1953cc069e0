"""The terms of an objective's loss: one batch's part of them, and their means for the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mlm_pretrain.evaluation.passes import inside_one_call
from mlm_pretrain.objectives.objective import PREDICTED, Found
from mlm_pretrain.training.heads import NAME as HEADS


def found_loss(
    trainer: Any, wrapped: Any, batch: dict[str, Any], counts: Any, keeps_outputs: bool = False
) -> tuple[Found, Any]:
    """(the batch's part of the loss, what the model returned).

    Args:
        wrapped: the model, or what it is wrapped into.
        counts: the step's, by term; a number where tokens are predicted alone; None for the batch's own.
        keeps_outputs: let the model compute its scores, which the loss could do without.
    """
    model = trainer.accelerator.unwrap_model(wrapped)
    head = trainer.head._replace(is_plain=trainer.head.is_plain and not keeps_outputs)
    passes, objective = trainer.passes(model, head, trainer.accelerator.autocast), trainer.objective
    if counts is None:
        counts = objective.count(objective, batch)
    step = counts if isinstance(counts, Mapping) else {PREDICTED: counts}
    found = inside_one_call(
        model, wrapped,
        lambda: objective.loss(objective, passes, batch, step, trainer.objective_config),
    )  # fmt: skip
    return found, passes.outputs


def prepare_step(trainer: Any) -> None:
    """Before the first loss of a step: let an objective whose loss spans its batches look at them all.

    Not when they are read, since a resumed training gets its generators back only then.
    """
    batches, trainer.to_prepare = trainer.to_prepare, []
    objective = trainer.objective
    if objective.prepare is None or not batches:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.train()
    passes = trainer.passes(model, trainer.head, trainer.accelerator.autocast)
    inputs = (trainer._prepare_inputs(batch) for batch in batches)
    objective.prepare(objective, passes, inputs, trainer.objective_config)


def part_figures(trainer: Any) -> dict[str, float]:
    """For the log: the mean loss of each term since the last one, and what the heads say of themselves."""
    means: dict[str, float] = {}
    for part in (trainer.terms, trainer.sources):
        if part is not None:
            part.share(trainer)
            means |= {f"loss_{name}": mean for name, mean in part.take().items()}
    heads = getattr(trainer.accelerator.unwrap_model(trainer.model), HEADS, None)
    return {**means, **getattr(heads, "health", {})}


class TermMeans:
    """Sums and counts of each term since the last log, over the steps of all micro-batches."""

    def __init__(self, name: str = "terms") -> None:
        self.name = name
        self.sums: dict[str, torch.Tensor] = {}
        self.counts: dict[str, int] = {}

    def count(self, counts: Mapping[str, int]) -> None:
        """Of a whole step, over all processes."""
        for name, n in counts.items():
            self.counts[name] = self.counts.get(name, 0) + n

    def add(self, sums: Mapping[str, torch.Tensor]) -> None:
        """Of one micro-batch of this process."""
        for name, total in sums.items():
            self.sums[name] = self.sums[name] + total if name in self.sums else total.double()

    def share(self, trainer: Any) -> None:
        """Bring the sums of all processes together, in the first one."""
        if trainer.args.world_size == 1 or not self.sums:
            return
        names = sorted(self.sums)
        together = torch.stack([self.sums[name] for name in names])
        torch.distributed.all_reduce(together)
        kept = together if trainer.args.process_index == 0 else torch.zeros_like(together)
        self.sums = dict(zip(names, kept, strict=True))

    def take(self) -> dict[str, float]:
        """The mean of each term since this was last asked, where there are several."""
        means = {n: float(s) / max(self.counts.get(n, 0), 1) for n, s in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means if len(means) > 1 else {}

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        sums = {name: float(total) for name, total in self.sums.items()}
        return {self.name: {"sums": sums, "counts": dict(self.counts)}}

    def restore(self, facts: Mapping[str, Any], device: torch.device, is_first: bool) -> None:
        """As a checkpoint's facts have it. They are of all processes: the first one goes on with them."""
        kept = facts.get(self.name, {"sums": {}, "counts": {}})
        self.counts = dict(kept["counts"])
        self.sums = {
            name: torch.tensor(total if is_first else 0.0, dtype=torch.float64, device=device)
            for name, total in kept["sums"].items()
        }
