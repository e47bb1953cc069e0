"""A training that is resumed by more and by fewer processes, each step of which keeps its eight rows.

torchrun --nproc-per-node 2 world_sizes.py TOKENIZER OUT OBJECTIVE STOP
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import training_order as order
import training_splits as splits
from transformers import AutoTokenizer, TrainerCallback

from mlm_pretrain.training.trainers import TRAINERS

EXAMPLES, STEPS = 21, 9  # three steps an epoch, the last of five rows


class Stop(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop |= state.global_step >= self.step


def train(
    tokenizer_folder: str | Path, out: Path, objective: str, processes: int, resume: bool, stop: int
) -> dict[str, Any]:
    """For each step the rows this process learnt from, as text; and all losses so far."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    seen: dict[int, list[str]] = {}
    base: Any = TRAINERS[objective]

    class Watching(base):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            rows = zip(inputs["input_ids"].tolist(), inputs["labels"].tolist(), strict=True)
            kept = seen.setdefault(self.state.global_step + 1, [])
            kept += [str(row) for row in rows if set(row[1]) != {-100}]
            return super().training_step(model, inputs, num_items_in_batch)

    trainer = Watching(
        model=splits.small_model("gpt2:2x64" if objective == "clm" else "bert:2x64", tokenizer),
        args=splits.arguments(
            out, max_steps=STEPS, per_device_train_batch_size=4, save_strategy="steps", save_steps=1,
            gradient_accumulation_steps=2 // processes, learning_rate=1e-3, max_grad_norm=1.0,
        ),
        train_dataset=order.rows(EXAMPLES), processing_class=tokenizer, callbacks=[Stop(stop)],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=resume)
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return {"rows": seen, "losses": losses, "tokens": trainer.tokens_seen}


def main(tokenizer_folder: str, out: str, objective: str, stop: str) -> None:
    found = train(tokenizer_folder, Path(out), objective, 2, resume=True, stop=int(stop))
    splits.write_and_leave(Path(out) / f"rank{os.environ['RANK']}.json", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
