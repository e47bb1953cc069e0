"""A Hub on this machine, processes that push to it, and folders that may be changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_hub import TOKEN, LocalHub, running_hub
from pusher import Pusher, Verbs


@pytest.fixture(scope="session")
def one_hub() -> Iterator[LocalHub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(one_hub: LocalHub) -> LocalHub:
    """The server, with nothing on it."""
    one_hub.clear()
    return one_hub


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the processes that push."""
    return tmp_path_factory.mktemp("hub") / "home"


@pytest.fixture(scope="session")
def pusher(one_hub: LocalHub, home: Path) -> Iterator[Pusher]:
    """A process that pushes, which in the end must not have said the token anywhere."""
    process = Pusher(one_hub, home)
    yield process
    process.close()
    said = process.stderr.read_text()
    assert TOKEN not in said
    assert "Traceback" not in said


@pytest.fixture(scope="session")
def verbs(one_hub: LocalHub, home: Path) -> Iterator[Verbs]:
    """A process that runs verbs, for those whose own start and end are not at stake."""
    process = Verbs(one_hub, home)
    yield process
    process.close()


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the exported model."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))
