"""A checkpoint, the same without its head, and data whose last tokens count as added."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from learned import ADDED, FIRST_ADDED
from transformers import AutoModel


@pytest.fixture(scope="session")
def headless(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_model` as an encoder alone."""
    out = tmp_path_factory.mktemp("headless") / "model"
    shutil.copytree(tiny_model, out, ignore=shutil.ignore_patterns("manifest.json", "*.md"))
    AutoModel.from_pretrained(tiny_model).save_pretrained(out)
    return out


@pytest.fixture(scope="session")
def extended(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`prepared`, whose tokenizer says that its last hundred tokens were added."""
    out = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("extended") / "data"))
    ids = range(FIRST_ADDED, FIRST_ADDED + ADDED)
    said = {
        "base": {"entries": FIRST_ADDED, "vocabulary_xxh3_128": ""},
        "pieces": {str(n): [5, 6] for n in ids},
        "tokens": {str(n): f"piece{n}" for n in ids},
    }
    (out / "tokenizer" / "extension.json").write_text(json.dumps(said), encoding="utf-8")
    return out
