"""A training on two processes whose second step needs more memory than there is.

torchrun --nproc-per-node 2 hungry_processes.py DATA OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import training_splits as splits
from hungry_batches import hungry

from mlm_pretrain.errors import InputError


def main(data: str, out: str) -> None:
    hungry(0, from_step=2, monkeypatch=pytest.MonkeyPatch())
    trainer = splits.packed_trainer(
        "bert:2x64", data, out, max_steps=3, per_device_train_batch_size=2
    )
    said = ""
    try:
        trainer.train()
    except InputError as error:
        said = str(error)
    splits.write_and_leave(Path(out) / f"rank{os.environ['RANK']}.json", said)


if __name__ == "__main__":
    main(*sys.argv[1:])
