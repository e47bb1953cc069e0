"""A checkpoint for adaptations that take seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_problems import save_model


@pytest.fixture(scope="session")
def base(tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, and a tokenizer of the texts."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer_folders["wordpiece"])
    return Path(save_model(tmp_path_factory.mktemp("base") / "model", "bert", tokenizer))
