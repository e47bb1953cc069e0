"""Files and settings of adaptations that take seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiny_problems import mentions

from mlm_pretrain.adapting import AdaptConfig
from mlm_pretrain.config import build_config

Rows = Iterable[dict[str, Any]]


def write_rows(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_documents(path: Path, documents: Iterable[str]) -> str:
    return write_rows(path, ({"text": text} for text in documents))


def mentions_task(folder: Path, **splits: Rows) -> dict[str, Any]:
    """Settings of a tagging task whose files lie in `folder`; `splits` instead of those that fit."""
    sizes = {"train": 40, "validation": 12, "test": 12}
    rows = {name: mentions(size, seed=size + len(name)) for name, size in sizes.items()}
    files = {name: write_rows(folder / f"{name}.jsonl", of) for name, of in (rows | splits).items()}
    return {"task": "ner", **files}


def settings(folder: Path, base: Path | str, **more: Any) -> AdaptConfig:
    """Two steps on `folder`/domain.jsonl, into `folder`/out."""
    given = {
        "model": str(base), "corpus": [str(folder / "domain.jsonl")], "out": str(folder / "out"),
        "steps": 2, "words": 0, "prepare": {"max_length": 64, "processes": 1},
    }  # fmt: skip
    pretrain = {"batch_size": 4, "learning_rate": 1e-3, "precision": "fp32", "attention": "masks"}
    return build_config(AdaptConfig, {**given, "pretrain": pretrain, **more}, "settings")
