"""A batch that is too large for the memory is halved, from the same state, with as many rows a step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import hungry_processes
import package_process
import pytest
import training_splits as splits
from hungry_batches import hungry
from resumable import unfinished_copy
from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.fitting import smaller_batch
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.trainers import MaskedLMTrainer

SETTINGS: dict[str, Any] = {
    "arch": "bert:2x64", "steps": 4, "batch_size": 16, "precision": "fp32", "attention": "masks",
    "dropout": 0.1, "log_every": 1, "checkpoint_minutes": 1e-6,
}  # fmt: skip


@pytest.mark.fault("out-of-memory")
def test_the_step_is_kept_when_its_batch_does_not_fit(
    prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Memory runs out after two updates, which must be forgotten, generators and all."""
    runs = {name: {**SETTINGS, "data": str(prepared), "out": str(tmp_path / name)} for name in "ab"}
    with pytest.MonkeyPatch.context() as patch:
        hungry(4, from_step=3, monkeypatch=patch)
        assert pretrain(PretrainConfig(**runs["a"]))["steps"] == 4
    err = capfd.readouterr().err
    assert "out of memory with 16 rows at a time: again from the start with 8" in err
    assert "out of memory with 8 rows at a time: again from the start with 4, and 4 of them" in err
    pretrain(PretrainConfig(**{**runs["b"], "batch_size": 4, "accumulation": 4}))
    logs = [(tmp_path / name / "log.jsonl").read_text("utf-8").count("\n") for name in "ab"]
    assert logs == [4, 4]
    for name in ("model/model.safetensors", "checkpoint-4/optimizer.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_is_left_of_the_steps_that_are_forgotten(prepared: Path, tmp_path: Path) -> None:
    """Neither in the mean of a term that is logged next, nor in what a spike is judged by."""
    settings = {**SETTINGS, "data": str(prepared), "objective": "hybrid"}
    runs = {name: {**settings, "out": str(tmp_path / name)} for name in "ab"}
    with pytest.MonkeyPatch.context() as patch:
        hungry(8, from_step=3, monkeypatch=patch)
        pretrain(PretrainConfig(**runs["a"]))
    pretrain(PretrainConfig(**{**runs["b"], "batch_size": 8, "accumulation": 2}))
    logged, recent = [], []
    for name in "ab":
        lines = [json.loads(line) for line in (tmp_path / name / "log.jsonl").open()]
        logged.append([(line["step"], line["loss"], line["loss_masked"]) for line in lines])
        checkpoint = read_manifest(tmp_path / name / "checkpoint-4", "checkpoint")
        recent.append(checkpoint.counts["recent_losses"])
    assert logged[0] == logged[1] and recent[0] == recent[1]
    assert len(recent[0]) == 4


def test_a_resumed_run_logs_no_step_twice(prepared: Path, tmp_path: Path) -> None:
    """Memory runs out a step after the checkpoint, when a line of it is written."""
    settings = {**SETTINGS, "data": str(prepared), "keep_checkpoints": 9}
    config = PretrainConfig(**settings, out=str(tmp_path / "run"))
    pretrain(config)
    copy = unfinished_copy(tmp_path / "run", tmp_path / "copy")
    for late in ("checkpoint-3", "checkpoint-4"):
        shutil.rmtree(copy / late)
    with pytest.MonkeyPatch.context() as patch:
        hungry(8, from_step=4, monkeypatch=patch)
        pretrain(config.model_copy(update={"out": str(copy)}), resume=True)
    lines = [json.loads(line) for line in (copy / "log.jsonl").open()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]


def test_one_row_that_does_not_fit_is_an_error(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hungry(0, from_step=1, monkeypatch=monkeypatch)
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    arguments = splits.arguments(
        tmp_path, max_steps=2, per_device_train_batch_size=4, auto_find_batch_size=True
    )
    trainer = MaskedLMTrainer(
        model=splits.small_model("bert:2x64", tokenizer), args=arguments,
        train_dataset=PackedDataset(prepared, "train"), processing_class=tokenizer,
    )  # fmt: skip
    with pytest.raises(InputError, match="step 1: out of memory with 1 rows at a time"):
        trainer.train()
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (1, 4)


def test_among_several_processes_it_is_an_error(prepared: Path, tmp_path: Path) -> None:
    done = package_process.run_on_two_processes(hungry_processes.__file__, prepared, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in range(2):
        said = json.loads((tmp_path / f"rank{rank}.json").read_text(encoding="utf-8"))
        assert said.startswith("step 2: out of memory with 2 rows at a time")
        assert "→ lower --batch-size and raise --accumulation" in said


@pytest.mark.parametrize(
    ("rows", "accumulation", "smaller"),
    [(64, 1, (32, 2)), (7, 1, (1, 7)), (6, 5, (3, 10)), (9, 2, (3, 6)), (2, 1, (1, 2))],
)
def test_smaller_batches_keep_the_rows(
    rows: int, accumulation: int, smaller: tuple[int, int]
) -> None:
    assert smaller_batch(rows, accumulation) == smaller
