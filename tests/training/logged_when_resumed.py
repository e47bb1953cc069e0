"""What two processes log of four steps, trained in one go and stopped in between.

torchrun --nproc-per-node 2 logged_when_resumed.py DATA OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import training_splits as splits
from world_sizes import Stop


def logged(data: str, out: Path, stop: int, resume: bool) -> list[float]:
    trainer = splits.packed_trainer(
        "bert:2x64", data, out, max_steps=4, per_device_train_batch_size=2, learning_rate=1e-3,
        logging_steps=4, save_strategy="steps", save_steps=2,
    )  # fmt: skip
    trainer.add_callback(Stop(stop))
    trainer.train(resume_from_checkpoint=resume)
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def main(data: str, out: str) -> None:
    found = [logged(data, Path(out) / "whole", 4, False)]
    found += [logged(data, Path(out) / "stopped", stop, stop == 4) for stop in (2, 4)]
    splits.write_and_leave(Path(out) / f"rank{os.environ['RANK']}.json", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
