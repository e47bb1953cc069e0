"""A training by the stock Trainer that saves after every step, and resumes where it finds a checkpoint.

    python -m benchmarks.kill9_stock DATA OUT STEPS

The same rows, batches and saving as the runs of `kill9`.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(data: str, out: str, steps: int) -> None:
    """From the start, or from the last checkpoint that the library finds."""
    from transformers import AutoTokenizer
    from transformers.trainer_utils import get_last_checkpoint

    from benchmarks.stock import stock_trainer
    from mlm_pretrain.packing import PackedDataset

    tokenizer = AutoTokenizer.from_pretrained(Path(data) / "tokenizer")
    packed = PackedDataset(data, "train")
    rows = [{"input_ids": packed[n]["input_ids"].tolist()} for n in range(len(packed))]
    trainer = stock_trainer(
        "bert:2x64", tokenizer, rows, 64, output_dir=out, max_steps=steps, save_strategy="steps",
        save_steps=1, save_total_limit=2, logging_steps=1, per_device_train_batch_size=4,
        gradient_accumulation_steps=2, dataloader_num_workers=2, seed=0,
    )  # fmt: skip
    found = get_last_checkpoint(out) if Path(out).is_dir() else None
    trainer.train(resume_from_checkpoint=found)
    trainer.save_model(str(Path(out) / "model"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
