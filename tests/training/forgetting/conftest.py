"""A checkpoint that knows some text, and a text so unlike it that learning this one costs the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from guarded import SETTINGS

from mlm_pretrain.export import export
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


@pytest.fixture(scope="session")
def foreign(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Every word spelt backwards, a tenth of it for validation."""
    folder = tmp_path_factory.mktemp("foreign")
    backwards = [" ".join(word[::-1] for word in text.split()[:400]) for text in texts[:40]]
    lines = [json.dumps({"text": text}) for text in backwards]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = PrepareConfig(max_length=64, validation_share=0.1, processes=1)
    tokenizer = tokenizer_folders["wordpiece"]
    prepare([str(folder / "corpus.jsonl")], tokenizer, folder / "data", settings)
    return folder / "data"


@pytest.fixture(scope="session")
def knowing(general: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers that learnt `general` for two hundred steps."""
    folder = tmp_path_factory.mktemp("knowing")
    own = {"arch": "modernbert:2x64", "steps": 200, "batch_size": 16, "learning_rate": 3e-3}
    places = {"data": str(general), "out": str(folder / "run")}
    pretrain(PretrainConfig(**places, **own, precision=SETTINGS["precision"]))
    export(folder / "run", folder / "model")
    return folder / "model"
