"""A short contrastive training, for two processes.

torchrun --nproc-per-node 2 contrastive_processes.py DATA OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import training_splits as splits


def main(data: str, out: str) -> None:
    """Two steps of two micro-batches; what the heads hold then, of each process."""
    trainer = splits.packed_trainer(
        "cached/bert:2x64", data, out, max_steps=2, per_device_train_batch_size=2,
        gradient_accumulation_steps=2, logging_steps=100,
    )  # fmt: skip
    trainer.train()
    heads: Any = trainer.accelerator.unwrap_model(trainer.model).pretraining_heads
    found = {
        "bank": heads.keys_KH.tolist(), "written": heads.written_K.tolist(),
        "encoder": [float(p.double().sum()) for p in heads.encoder.parameters()],
        "texts": trainer.terms.counts["texts"],
    }  # fmt: skip
    splits.write_and_leave(Path(out) / f"{os.environ['RANK']}.json", found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
