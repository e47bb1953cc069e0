"""What runs are probed with: a labelled set, and pairs of sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled set of two classes."""
    folder = tmp_path_factory.mktemp("tasks") / "words"
    folder.mkdir()
    kinds = {"verb": "returns raises takes gives", "noun": "list object class module"}
    rows = [
        {"text": f"the {word} of {n}", "label": kind}
        for kind, words in kinds.items()
        for word in words.split()
        for n in range(6)
    ]
    for split in ("train", "validation"):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def blimp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blimp") / "pairs.jsonl"
    rows = [
        {"UID": f"p{n % 2}", "sentence_good": f"it is {n}", "sentence_bad": f"is it {n} it"}
        for n in range(8)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
