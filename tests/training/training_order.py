"""Trainings that keep every batch they see; also a program for two processes.

torchrun --nproc-per-node 2 training_order.py TOKENIZER OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
import training_splits as splits
from transformers import AutoTokenizer

from mlm_pretrain.training.trainers import TRAINERS

EXAMPLES = 11
FIRST_ID = 100  # example n is the row [2, 100 + n, …]
STOPPED_AT = 4  # of three steps an epoch on two processes


def rows(count: int) -> list[dict[str, Any]]:
    return [{"input_ids": [2, FIRST_ID + n, *range(200, 220), 3]} for n in range(count)]


def seen_in(
    objective: str,
    tokenizer: Any,
    out: Path,
    checkpoint: Path | None = None,
    examples: int = EXAMPLES,
    **settings: Any,
) -> list[dict[str, torch.Tensor]]:
    """The batches of two rows that a training sees, in order."""
    seen: list[dict[str, torch.Tensor]] = []

    base: Any = TRAINERS[objective]

    class Watching(base):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            seen.append({name: value.clone() for name, value in inputs.items()})
            return super().training_step(model, inputs, num_items_in_batch)

    trainer = Watching(
        model=splits.small_model("gpt2:2x64" if objective == "clm" else "bert:2x64", tokenizer),
        args=splits.arguments(out, per_device_train_batch_size=2, **settings),
        train_dataset=rows(examples),
        processing_class=tokenizer,
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return seen


def equal(some: list[dict[str, torch.Tensor]], others: list[dict[str, torch.Tensor]]) -> bool:
    return len(some) == len(others) and all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(some, others, strict=True)
    )


def main(tokenizer_folder: str, out: str) -> None:
    """Each process writes the examples it saw in a whole run and in one that was resumed."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    settings = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": STOPPED_AT}
    runs = {"whole": None, "rest": Path(out) / f"checkpoint-{STOPPED_AT}"}
    found = {}
    for name, checkpoint in runs.items():
        batches = seen_in("clm", tokenizer, Path(out), checkpoint, examples=12, **settings)
        found[name] = [(batch["input_ids"][:, 1] - FIRST_ID).tolist() for batch in batches]
        torch.distributed.barrier()
    splits.write_and_leave(Path(out) / f"rank{os.environ['RANK']}.json", found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
