"""A recipe of a corpus of its own, of seconds, and the verb that runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from package_process import call_verb

Capture = pytest.CaptureFixture[str]


def written(texts: list[str], folder: Path, *lines: str) -> Path:
    """FOLDER/recipe.yaml, with sections of its own in `lines`."""
    rows = [json.dumps({"text": text}) for text in texts[:25]]
    (folder / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    head = (
        f"folder: {folder / 'all'}",
        f"corpus: [{folder / 'corpus.jsonl'}]",
        "tokenizer: {vocab_size: 600}",
    )
    path = folder / "recipe.yaml"
    path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    return path


def run(capfd: Capture, recipe: Path, *words: object) -> tuple[dict[str, Any], str]:
    done = call_verb(capfd, "pretrain", "--config", recipe, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr
