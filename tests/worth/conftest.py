"""One real answer for all tests: a base that knows nothing, a model that knows the task, a control."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from answers import MORE, SEEDS, SETTINGS, Answer
from known_models import teach, write_opinions
from tiny_problems import save_model, wordpiece

from mlm_pretrain.compare import parse_task
from mlm_pretrain.worth import Variant, worth


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_opinions(tmp_path_factory.mktemp("tasks") / "opinions")


@pytest.fixture(scope="session")
def three(task_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Variant]:
    """The control is a copy of the base."""
    folder = tmp_path_factory.mktemp("models")
    base = save_model(folder / "base", "bert", wordpiece())
    adapted = teach(base, task_folder, folder / "adapted")
    control = str(shutil.copytree(base, folder / "control"))
    cost = {"seconds": 3_240.0}
    return [
        Variant("base", base, "base"),
        Variant("DAPT", adapted, "adapted", cost, notes="a <b>bold</b> one"),
        Variant("other", control, "control", cost),
    ]


@pytest.fixture(scope="session")
def answer(
    three: list[Variant], task_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Answer:
    task, out = parse_task(f"sentiment:{task_folder}"), tmp_path_factory.mktemp("worth") / "out"
    return Answer(three, task, out, worth(three, [task], out, SEEDS, SETTINGS, **MORE))
