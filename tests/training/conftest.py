"""A finished run that tests of resuming take copies of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from resumable import config

from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.pretrain import pretrain


@pytest.fixture(scope="session")
def general(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Other text in fewer rows, of the tokenizer of `prepared`, a fifth of it for validation."""
    folder = tmp_path_factory.mktemp("general")
    pieces = [text[start : start + 1200] for text in texts[:30] for start in (0, 2400, 4800)]
    lines = [json.dumps({"text": piece}) for piece in pieces if len(piece) > 200]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = PrepareConfig(max_length=64, validation_share=0.2, processes=1)
    tokenizer = tokenizer_folders["wordpiece"]
    prepare([str(folder / "corpus.jsonl")], tokenizer, folder / "data", settings)
    return folder / "data"


@pytest.fixture(scope="session")
def six_steps(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of six steps with its last three checkpoints."""
    out = tmp_path_factory.mktemp("six") / "run"
    pretrain(config(prepared, out, steps=6, keep_checkpoints=3))
    return out
