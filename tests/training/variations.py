"""A checkpoint without its head, and data with tokens that its checkpoint did not have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from transformers import AutoModel

FIRST_ADDED, ADDED = 1900, 100  # of 2000 entries


def without_head(model: Path, out: Path) -> Path:
    """`model` as an encoder alone."""
    shutil.copytree(model, out, ignore=shutil.ignore_patterns("manifest.json", "*.md"))
    AutoModel.from_pretrained(model).save_pretrained(out)
    return out


def with_added_tokens(data: Path, out: Path, pieces: Sequence[int]) -> Path:
    """Prepared data whose tokenizer says that its last hundred tokens were added, each `pieces` before."""
    ids = range(FIRST_ADDED, FIRST_ADDED + ADDED)
    said = {
        "base": {"entries": FIRST_ADDED, "vocabulary_xxh3_128": ""},
        "pieces": {str(n): list(pieces) for n in ids},
        "tokens": {str(n): f"piece{n}" for n in ids},
    }
    shutil.copytree(data, out)
    (out / "tokenizer" / "extension.json").write_text(json.dumps(said), encoding="utf-8")
    return out
