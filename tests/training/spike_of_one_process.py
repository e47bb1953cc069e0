"""A run on two processes, one of which meets a loss that is no number in the first of two micro-batches.

torchrun --nproc-per-node 2 spike_of_one_process.py DATA OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import training_splits as splits
from resumable import config

from mlm_pretrain.training.pretrain import pretrain
from mlm_pretrain.training.trainer import TokenTrainer

STEP = 4


def spoil_once() -> None:
    """The second process's loss, the first time that the step comes."""
    real, met = TokenTrainer.compute_loss, list[int]()

    def spoiled(self: Any, *given: Any, **named: Any) -> Any:
        loss, step = real(self, *given, **named), self.state.global_step + 1
        if step != STEP or met:
            return loss
        met.append(step)
        return loss * float("nan")

    if os.environ["RANK"] == "1":
        TokenTrainer.compute_loss = spoiled  # type: ignore[method-assign]


def main(data: str, out: str) -> None:
    spoil_once()
    settings = {"steps": 6, "batch_size": 2, "on_spike": "skip", "keep_checkpoints": 6}
    result = pretrain(config(Path(data), Path(out) / "run", **settings))
    splits.write_and_leave(Path(out) / f"rank{os.environ['RANK']}.json", result["steps"])


if __name__ == "__main__":
    main(*sys.argv[1:])
