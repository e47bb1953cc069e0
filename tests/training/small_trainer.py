"""A small `MaskedLMTrainer` used directly, as a script would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import training_splits as splits
from transformers import AutoTokenizer

from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.trainers import MaskedLMTrainer

SETTINGS: dict[str, Any] = {
    "max_steps": 4, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "save_strategy": "steps",
    "save_steps": 1,
}  # fmt: skip


def trainer(prepared: Path, out: Path, **changes: Any) -> MaskedLMTrainer:
    """A small one; `rows`, `tokenizer`, `optimizers` and `objective_config` are no training arguments."""
    tokenizer = changes.pop("tokenizer", AutoTokenizer.from_pretrained(prepared / "tokenizer"))
    rows = changes.pop("rows", PackedDataset(prepared, "train"))
    given = {
        name: changes.pop(name) for name in ("objective_config", "optimizers") if name in changes
    }
    dropout = changes.pop("dropout", 0.0)
    return MaskedLMTrainer(
        model=splits.small_model("bert:2x64", tokenizer, dropout=dropout), train_dataset=rows,
        args=splits.arguments(out, **{**SETTINGS, **changes}), processing_class=tokenizer, **given,
    )  # fmt: skip
