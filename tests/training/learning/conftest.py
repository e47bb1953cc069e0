"""A checkpoint without its head, and data whose last tokens count as added."""

from __future__ import annotations

from pathlib import Path

import pytest
from variations import with_added_tokens, without_head


@pytest.fixture(scope="session")
def headless(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_model` as an encoder alone."""
    return without_head(tiny_model, tmp_path_factory.mktemp("headless") / "model")


@pytest.fixture(scope="session")
def extended(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`prepared`, whose tokenizer says that its last hundred tokens were added."""
    return with_added_tokens(prepared, tmp_path_factory.mktemp("extended") / "data", [5, 6])
