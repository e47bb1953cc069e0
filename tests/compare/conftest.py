"""A model that knows the task already, one that does not, and the task's files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_problems import opinions, save_model, wordpiece

SIZES = {"train": (160, 1), "validation": (60, 2), "test": (200, 3)}


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks") / "opinions"
    folder.mkdir()
    for split, (count, seed) in SIZES.items():
        lines = [json.dumps(row) for row in opinions(count, seed)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def ignorant(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("ignorant"), "bert", wordpiece())


@pytest.fixture(scope="session")
def copied(ignorant: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(shutil.copytree(ignorant, tmp_path_factory.mktemp("copies") / "copied"))


@pytest.fixture(scope="session")
def knowing(ignorant: str, task_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The ignorant one, fine-tuned on all labels."""
    from mlm_pretrain.finetune import FinetuneConfig, finetune

    files = {split: str(task_folder / f"{split}.jsonl") for split in ("train", "validation")}
    out = str(tmp_path_factory.mktemp("knowing") / "model")
    config = FinetuneConfig(model=ignorant, **files, out=out, epochs=20, learning_rate=2e-3)
    assert finetune("sentiment", config)["metrics"]["validation"]["accuracy"] > 0.95
    return out
