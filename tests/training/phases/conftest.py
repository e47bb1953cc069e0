"""Data of two lengths from one tokenizer, and a training in phases that nobody stopped."""

from __future__ import annotations

import json
from pathlib import Path

import phased
import pytest

from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.phases import pretrain_phases


@pytest.fixture(scope="session")
def long_rows(
    corpus_file: Path, tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What `prepared` holds, in rows of 128 tokens."""
    out = tmp_path_factory.mktemp("long") / "data"
    config = PrepareConfig(max_length=128, validation_share=0.1, processes=1)
    prepare([str(corpus_file)], tokenizer_folders["wordpiece"], out, config)
    return out


@pytest.fixture(scope="session")
def few_rows(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Rows of 64 tokens, so few that an epoch is a few steps."""
    folder = tmp_path_factory.mktemp("few")
    lines = [json.dumps({"text": text[:1500]}) for text in texts[:8]]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = PrepareConfig(max_length=64, validation_share=0.0, processes=1)
    prepare([str(folder / "corpus.jsonl")], tokenizer_folders["wordpiece"], folder / "data", config)
    return folder / "data"


@pytest.fixture(scope="session")
def whole(prepared: Path, long_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both phases in one go."""
    out = tmp_path_factory.mktemp("whole") / "run"
    pretrain_phases(phased.config(prepared, out), phased.phases(long_rows))
    return out
