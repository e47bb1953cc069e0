"""The libraries' own way as a run of `benchmarks.objectives`: its example's rows and `Trainer`, fp32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.quality_runs import LENGTH
from benchmarks.stock import steps_per_second, stock_blocks, stock_trainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import Trainer

_LONG_ENOUGH = 1_000_000


def stock_speed(folder: Path, arch: str, given: Mapping[str, Any], seconds: float) -> float:
    """Steps a second."""
    return steps_per_second(_trainer(folder, arch, given, _LONG_ENOUGH), seconds)


def stock_train(
    folder: Path, arch: str, given: Mapping[str, Any], steps: int
) -> dict[str, int | str]:
    """Train from the beginning, save to FOLDER/model."""
    trainer = _trainer(folder, arch, given, steps)
    trainer.train()
    assert trainer.model is not None
    trainer.model.save_pretrained(folder / "model")
    _tokenizer(folder).save_pretrained(folder / "model")
    return {"steps": steps, "tokens": steps * stock_tokens(given), "precision": "fp32"}


def stock_tokens(given: Mapping[str, Any]) -> int:
    """Of one step; rows of the example are full."""
    return int(given["per_device_train_batch_size"]) * LENGTH


def _trainer(folder: Path, arch: str, given: Mapping[str, Any], steps: int) -> Trainer:
    tokenizer = _tokenizer(folder)
    blocks = stock_blocks(folder.parent / "train.jsonl", tokenizer, LENGTH, folder.parent / "cache")
    trainer: Trainer = stock_trainer(
        arch, tokenizer, blocks, LENGTH, output_dir=str(folder), max_steps=steps, **given
    )
    return trainer


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder.parent / "tokenizer")
