"""Masks that follow the loss: hard tokens come more often, and only where that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import training_splits as splits
from transformers import AutoTokenizer

from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.trainers import MaskedLMTrainer

STEPS = 12


def masked_in(prepared: Path, out: Path, strength: float) -> tuple[list[torch.Tensor], Any]:
    """The ids masked in each step, and the trainer."""
    seen: list[torch.Tensor] = []

    class Watching(MaskedLMTrainer):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            seen.append(inputs["labels"][inputs["labels"] != IGNORED])
            return super().training_step(model, inputs, num_items_in_batch)

    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    trainer = Watching(
        model=splits.small_model("bert:2x64", tokenizer),
        args=splits.arguments(
            out, max_steps=STEPS, per_device_train_batch_size=32, learning_rate=1e-2
        ),
        train_dataset=PackedDataset(prepared, "train"), processing_class=tokenizer,
        objective_config=MaskedConfig(adaptive=strength),
    )  # fmt: skip
    trainer.train()
    return seen, trainer


def test_hard_tokens_are_masked_more_often(prepared: Path, tmp_path: Path) -> None:
    plain, without = masked_in(prepared, tmp_path / "plain", strength=0.0)
    assert without.adaptive is None
    following, trainer = masked_in(prepared, tmp_path / "following", strength=6.0)
    assert torch.equal(plain[0], following[0])  # nothing is known before the first step
    adaptive = trainer.adaptive
    assert int(adaptive.seen_V.sum()) == sum(len(ids) for ids in following)
    weights_V = adaptive.masker.weights_V
    assert weights_V.min() < 1 < weights_V.max()
    late_plain, late = (np.concatenate(seen[STEPS // 2 :]) for seen in (plain, following))
    assert len(late) == len(late_plain)
    assert weights_V[late].mean() > 1.2 * weights_V[late_plain].mean()
    batch = trainer.data_collator([trainer.train_dataset[0]])  # as in an evaluation
    weights, adaptive.masker.weights_V = adaptive.masker.weights_V, None
    assert torch.equal(trainer.data_collator([trainer.train_dataset[0]])["labels"], batch["labels"])
    adaptive.masker.weights_V = weights
