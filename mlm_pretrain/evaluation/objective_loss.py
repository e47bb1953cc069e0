"""An objective's own loss on fixed draws, for models that are no language models to be scored as such."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.evaluation.perplexity import autocast_for
from mlm_pretrain.evaluation.texts import EvaluationRows
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.objective import Batch
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.precision import Precision, product_dtype
from mlm_pretrain.progress import track


def score_objective(
    model: Any,
    rows: EvaluationRows,
    objective: Objective,
    config: Any,
    vocabulary: Vocabulary,
    *,
    batch_size: int = 32,
    seed: int = 0,
    precision: Precision = "auto",
) -> dict[str, Any]:
    """Losses and figures of `model`, its heads attached, over `rows`; leaves its mode as it was.

    Returns:
        `loss_nats`, which the terms make together; each term's mean as `loss_TERM`; the first one's
        `perplexity` and `predicted_tokens`; the objective's figures; and what they were counted over.
    """
    was_training, device = model.training, next(model.parameters()).device
    passes = ModelPasses(model, plan_head(model, product_dtype(precision)))
    sums, counts, tallies = dict[str, float](), dict[str, float](), dict[str, float]()
    model.eval()
    for batch in _batches(rows, objective.collator(vocabulary, config, seed), batch_size):
        moved = {name: part.to(device) for name, part in batch.items()}
        counted = objective.count(objective, moved)
        with torch.no_grad(), autocast_for(device, precision):
            found = objective.loss(objective, passes, moved, counted, config)
        for total, part in ((sums, found.sums), (counts, counted), (tallies, found.tallies or {})):
            for name, number in part.items():
                total[name] = total.get(name, 0.0) + float(number)
    model.train(was_training)
    means = {name: sums[name] / max(counts[name], 1.0) for name in objective.terms}
    own = objective.figures(tallies) if objective.figures is not None else {}
    return {
        "loss_nats": objective.combined(means, config),
        "perplexity": math.exp(min(means[objective.terms[0]], 700.0)),
        **{f"loss_{name}": mean for name, mean in means.items()},
        **own,
        "predicted_tokens": int(counts[objective.terms[0]]),
        "tokens": sum(rows.text_tokens(place) for place in range(len(rows))),
        "rows": len(rows),
        "max_length": rows.max_length,
    }


def _batches(rows: EvaluationRows, collator: Any, size: int) -> Iterator[Batch]:
    starts = range(0, len(rows), size)
    for start in track(starts, "batch", "evaluate", total=len(starts)):
        yield collator([rows.example(n) for n in range(start, min(start + size, len(rows)))])
