"""A model that knows the task already, one that does not, and the task's files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from known_models import teach, write_opinions
from tiny_problems import save_model, wordpiece


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_opinions(tmp_path_factory.mktemp("tasks") / "opinions")


@pytest.fixture(scope="session")
def ignorant(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("ignorant"), "bert", wordpiece())


@pytest.fixture(scope="session")
def copied(ignorant: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(shutil.copytree(ignorant, tmp_path_factory.mktemp("copies") / "copied"))


@pytest.fixture(scope="session")
def knowing(ignorant: str, task_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The ignorant one, fine-tuned on all labels."""
    return teach(ignorant, task_folder, tmp_path_factory.mktemp("knowing") / "model")
