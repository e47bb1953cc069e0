"""Loss on fixed masks, weighted by tokens: a figure two runs can be compared by.

The masks depend on (seed, example) alone, whatever the model was trained with, and the loss is a mean
over predicted tokens, not over batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mlm_pretrain.claiming import make_writable
from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.heads import objective_of_head
from mlm_pretrain.evaluation.opening import open_model
from mlm_pretrain.evaluation.passes import summed_loss
from mlm_pretrain.evaluation.record import write_metrics
from mlm_pretrain.evaluation.texts import EvaluationRows, open_rows
from mlm_pretrain.modeling.attention.choosing import is_decided
from mlm_pretrain.modeling.attention.directions import looks_left
from mlm_pretrain.modeling.build import read_checkpoint
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.modeling.sizes import check_length
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.precision import Precision, product_dtype, resolve_precision
from mlm_pretrain.progress import track
from mlm_pretrain.quiet import quiet_transformers

# The ratio BERT was trained and is usually judged with; training may use another.
EVALUATION_MASK_RATIO = 0.15


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    max_length: int | None = None,
    mask_ratio: float = EVALUATION_MASK_RATIO,
    seed: int = 0,
    batch_size: int = 32,
    limit_rows: int | None = None,
    precision: Precision = "auto",
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Masked or next-token loss of an exported model on prepared data or on text.

    Args:
        model: a `from_pretrained` folder with its tokenizer.
        data: a folder that `prepare` wrote (its validation split, or the training split where it has
            none), or a corpus: any file, folder or glob that `prepare` reads, cut into full windows.
        max_length: window in tokens for a corpus; the model's own by default, at most 512.
        mask_ratio: share of tokens to predict (masked models).
        out: folder for `metrics.json`.

    Returns:
        `loss_nats` a predicted token, `perplexity`, `bits_per_byte`, and what they were counted over.

    Raises:
        InputError: when the model, the data or the output folder cannot be used.
    """
    if out is not None and Path(out) != Path(model):  # the model's own folder is looked at below
        make_writable(out)
    network, tokenizer, objective = load_for_evaluation(model)
    network.to(fastest_device())
    vocabulary = read_vocabulary(tokenizer)
    rows = open_rows(data, tokenizer, network.config, max_length, limit_rows)
    check_length(network.config, rows.max_length)
    result = score_rows(
        network, rows, objective, vocabulary, mask_ratio=mask_ratio, seed=seed,
        batch_size=batch_size, limit_rows=limit_rows, precision=precision,
    )  # fmt: skip
    result = {"model": str(model), "data": str(data), "split": rows.split, **result}
    if out is not None:
        write_metrics(out, {rows.split: result})
    return result


def fastest_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@quiet_transformers()
def load_for_evaluation(
    model: str | Path, trained_as: str | None = None
) -> tuple[torch.nn.Module, Any, Objective]:
    """(model in eval mode, tokenizer, the objective its head serves).

    Args:
        trained_as: name of that objective where its head alone does not tell; None asks the head.

    Raises:
        InputError: when the folder is no model with a language-modelling head and a tokenizer.
    """
    tokenizer, config = open_model(model)
    objective = OBJECTIVES[trained_as or objective_of_head(model, config)]
    auto_class = objective.class_for(config.model_type)
    network, missing = read_checkpoint(model, auto_class, f"--model {model}")
    if missing:  # they would be drawn at random
        raise InputError(
            f"--model {model}: its weights lack {len(missing)} tensors, for example {missing[0]}",
            "give a model that `mlm-pretrain export` wrote",
        )
    return network.eval(), tokenizer, objective


def score_rows(
    model: torch.nn.Module,
    rows: EvaluationRows,
    objective: Objective,
    vocabulary: Vocabulary,
    *,
    mask_ratio: float = EVALUATION_MASK_RATIO,
    seed: int = 0,
    batch_size: int = 32,
    limit_rows: int | None = None,
    precision: Precision = "auto",
) -> dict[str, Any]:
    """Token-weighted loss of `model` over `rows`; leaves its training mode as it was."""
    total, predicted, tokens = 0.0, 0, 0
    for batch in batch_losses(
        model, rows, objective, vocabulary, mask_ratio=mask_ratio, seed=seed,
        batch_size=batch_size, limit_rows=limit_rows, precision=precision,
    ):  # fmt: skip
        total, predicted = total + batch.nats, predicted + batch.predicted
        tokens += batch.tokens
    if predicted == 0:
        raise InputError("nothing to evaluate: no token could be predicted", "give more text")
    count = len(rows) if limit_rows is None else min(limit_rows, len(rows))
    return _summary(total / predicted, predicted, tokens, rows, count)


class BatchLoss(NamedTuple):
    """Nats over the `predicted` tokens of a batch, and its `tokens` of text."""

    nats: float
    predicted: int
    tokens: int


def batch_losses(
    model: torch.nn.Module,
    rows: EvaluationRows,
    objective: Objective,
    vocabulary: Vocabulary,
    *,
    mask_ratio: float = EVALUATION_MASK_RATIO,
    seed: int = 0,
    batch_size: int = 32,
    limit_rows: int | None = None,
    precision: Precision = "auto",
) -> Iterator[BatchLoss]:
    """The loss of `model` over `rows`, a batch at a time; the training mode comes back at the end."""
    if batch_size < 1:
        raise InputError(f"--batch-size {batch_size}: must be at least 1")
    if not is_decided(model):
        prove_packable(model, vocabulary.ordinary_ids, objective.is_causal)
    values = {"ratio": mask_ratio} if objective.name == "mlm" else {}
    config = build_config(objective.config, values, "--mask-ratio")
    collator = objective.collator(vocabulary, config, seed)
    count = len(rows) if limit_rows is None else min(limit_rows, len(rows))
    starts = range(0, count, batch_size)
    device = next(model.parameters()).device
    head = plan_head(model, product_dtype(precision))
    reads_leftwards = objective.is_causal and not looks_left(model)  # an encoder that learned both
    was_training = model.training
    model.eval()
    for start in track(starts, "batch", "evaluate", total=len(starts)):
        examples = [rows.example(i) for i in range(start, min(start + batch_size, count))]
        batch = {name: value.to(device) for name, value in collator(examples).items()}
        if reads_leftwards:
            batch["is_causal"] = torch.ones(len(examples), dtype=torch.bool, device=device)
        with torch.no_grad(), autocast_for(device, precision):
            nats, found, _ = summed_loss(model, batch, objective, head=head)
        tokens = sum(rows.text_tokens(i) for i in range(start, min(start + batch_size, count)))
        yield BatchLoss(float(nats), found, tokens)
    model.train(was_training)


def autocast_for(device: torch.device, precision: Precision) -> Any:
    """What the passes of an evaluation run in."""
    if resolve_precision(precision) == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _summary(
    loss: float, predicted: int, tokens: int, rows: EvaluationRows, count: int
) -> dict[str, Any]:
    """Bits per byte spreads the mean loss over every token of the text, then over its bytes."""
    bytes_seen = rows.text_bytes * count / max(len(rows), 1)
    return {
        "loss_nats": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "bits_per_byte": loss * tokens / math.log(2) / bytes_seen if bytes_seen else None,
        "predicted_tokens": predicted,
        "tokens": tokens,
        "rows": count,
        "max_length": rows.max_length,
    }
