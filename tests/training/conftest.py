"""A finished run that tests of resuming take copies of."""

from __future__ import annotations

from pathlib import Path

import pytest
from resumable import config

from mlm_pretrain.training.pretrain import pretrain


@pytest.fixture(scope="session")
def six_steps(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of six steps with its last three checkpoints."""
    out = tmp_path_factory.mktemp("six") / "run"
    pretrain(config(prepared, out, steps=6, keep_checkpoints=3))
    return out
