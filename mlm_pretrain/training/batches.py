"""What examples and batches hold: labels or none, padding or tokens."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.rows import (
    SEGMENTS,
    layout,
    padded_length,
    row_ids,
    segment_lengths,
    stack_rows,
    without_padding,
)
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.training.replay.counting import counted


def makes_own_batches(*given: Any) -> bool:
    """Whether examples come without labels, so that the objective makes them.

    Streams cannot be looked into, nor given places: their labels must come with them.
    """
    parts = [part for d in given for part in (d.values() if isinstance(d, dict) else [d])]
    sized = [part for part in parts if hasattr(part, "__len__") and len(part)]
    with_labels = {"labels" in part[0] for part in sized}
    if len(with_labels) > 1:
        raise InputError(
            "some datasets have labels and others have none",
            "give labels to all of them, or to none, or pass a data_collator",
        )
    return with_labels == {False}


def has_segments(*given: Any) -> bool:
    """Whether examples are packed: any of the datasets says how long their segments are."""
    parts = [part for d in given for part in (d.values() if isinstance(d, dict) else [d])]
    sized = (part for part in parts if hasattr(part, "__len__") and len(part))
    return any(SEGMENTS in part[0] for part in sized)


def computes_layers_again(arguments: Any) -> bool:
    """Whether `TrainingArguments` ask for activation checkpointing, under its new name or its old."""
    names = ("activation_checkpointing", "gradient_checkpointing")
    return any(getattr(arguments, name, False) for name in names)


def labels_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The labels (B, L) of a batch, which is an error to leave out."""
    if "labels" not in batch:
        raise InputError(
            f"the batches have no labels, only {', '.join(batch)}",
            "pass a data_collator that makes them, or a dataset with a length, which is then masked here",
        )
    return batch["labels"]


def real_tokens(batch: dict[str, torch.Tensor]) -> int:
    """Tokens of a batch without its padding."""
    for name in ("segment_ids", "attention_mask"):
        if name in batch:
            return int((batch[name] > 0).sum())
    return batch["input_ids"].numel()


def tokens_of(batch: dict[str, torch.Tensor]) -> int:
    """Tokens that a step learns from: none of a batch that only keeps a process in step with the others."""
    return real_tokens(batch) if bool((labels_of(batch) != IGNORED).any()) else 0


def made(trainer: Any, batch: Any) -> dict[str, Any]:
    """A batch as the loss takes it: examples are made into one here where masks follow the last step."""
    found: dict[str, Any] = trainer.late_collator(batch) if isinstance(batch, list) else batch
    return found


def read_step(
    trainer: Any, batches: Iterator[Any], count: int, device: torch.device
) -> tuple[list[Any], dict[str, int], int]:
    """The next `count` micro-batches; what the objective counts in them, and tokens, on all processes.

    Rows of other text among them are counted by `trainer.replay`.
    """
    step = [made(trainer, batch) for batch in itertools.islice(batches, count)]
    objective = trainer.objective
    seen = sum(tokens_of(batch) for batch in step)  # which refuses batches without labels
    found = [objective.count(objective, batch) for batch in step]
    names = sorted({name for counts in found for name in counts})
    sums = [sum(counts[name] for counts in found) for name in names]
    sources = [counted(batch) for batch in step] if trainer.replay is not None else []
    of_sources = [sum(part) for part in zip(*sources, strict=True)]
    totals = torch.tensor([*sums, *of_sources, seen], device=device)
    if trainer.args.world_size > 1:
        totals = trainer.accelerator.reduce(totals, "sum")
    *numbers, tokens = totals.tolist()
    if of_sources:
        trainer.replay.count(*numbers[len(names) :])
        numbers = numbers[: len(names)]
    return step, dict(zip(names, numbers, strict=True)), tokens


class LabelPadding:
    """Pads examples that bring their own labels (T); those that are packed into a row stay apart.

    Of packed rows it returns `input_ids` and `labels` (B, L), `token_type_ids` where they are given, and the
    layout (see `rows.layout`).

    Args:
        is_causal: whether a token is predicted from its left; a segment's first one then is not.
    """

    def __init__(self, tokenizer: Any, is_causal: bool) -> None:
        from transformers import DataCollatorForTokenClassification

        self.tokenizer, self.is_causal = tokenizer, is_causal
        self._padded = DataCollatorForTokenClassification(tokenizer)

    @property
    def ordinary_ids(self) -> NDArray[np.int64]:
        """Ids of tokens that stand for text."""
        return np.setdiff1d(np.arange(len(self.tokenizer)), self.tokenizer.all_special_ids)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        if not any(SEGMENTS in example for example in examples):
            return dict(self._padded(examples))
        rows = [row_ids(example) for example in examples]
        pairs = zip(examples, rows, strict=True)
        lengths = [segment_lengths(example, len(ids_T)) for example, ids_T in pairs]
        fills = {
            "input_ids": self.tokenizer.pad_token_id or 0,
            "token_type_ids": 0,
            "labels": IGNORED,
        }
        length = padded_length(rows)
        arrays = {
            name: stack_rows([without_padding(e, name) for e in examples], length, fill)
            for name, fill in fills.items()
            if name in examples[0]
        }
        if self.is_causal:
            for labels_L, row in zip(arrays["labels"], lengths, strict=True):
                labels_L[np.cumsum(row) - row] = IGNORED
        arrays |= layout(lengths, length)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
