"""Examples as `transformers.Trainer` gets them, a trainer for them, and their loss the long way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import training_splits as splits

from mlm_pretrain.training.trainers import TRAINERS

Examples = list[dict[str, Any]]


def make_examples(tokenizer: Any, count: int, seed: int, labelled: bool = True) -> Examples:
    """Rows of different lengths, of which very different numbers of tokens are to be predicted."""
    rng = np.random.default_rng(seed)
    examples: Examples = []
    for number in range(count):
        ids = rng.integers(10, len(tokenizer), size=rng.integers(5, 30)).tolist()
        chosen = rng.random(len(ids)) < (0.9 if number % 3 == 0 else 0.2)
        chosen[1] = True
        labels = [int(i) if c else -100 for i, c in zip(ids, chosen, strict=True)]
        example = {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}
        example["text"] = f"not for the model {number}"
        if not labelled:
            del example["labels"]
        examples.append(example)
    return examples


def scores(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """(T, V) of one row on its own, without padding."""
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids])).logits[0].float()


def summed_loss(model: torch.nn.Module, example: dict[str, Any], arch: str) -> tuple[float, int]:
    """(sum, number) of the predicted tokens of one row, the long way."""
    logits_TV, labels = scores(model, list(example["input_ids"])), torch.tensor(example["labels"])
    if splits.objective_of(arch).name == "clm":
        logits_TV, labels = logits_TV[:-1], labels[1:]
    total = torch.nn.functional.cross_entropy(logits_TV, labels, ignore_index=-100, reduction="sum")
    return float(total), int((labels != -100).sum())


def mean_loss(model: torch.nn.Module, examples: Examples, arch: str) -> float:
    sums, counts = zip(*(summed_loss(model, example, arch) for example in examples), strict=True)
    return sum(sums) / sum(counts)


def make_trainer(arch: str, tokenizer: Any, out: Path, **settings: Any) -> Any:
    """A trainer that does not move: its learning rate is 0."""
    passed = {
        name: settings.pop(name)
        for name in ("train_dataset", "eval_dataset", "data_collator", "compute_metrics")
        if name in settings
    }
    settings = {"learning_rate": 0.0, "num_train_epochs": 1, **settings}
    return TRAINERS[splits.objective_of(arch).name](
        model=splits.small_model(arch, tokenizer),
        args=splits.arguments(out, **settings),
        processing_class=tokenizer,
        **passed,
    )
