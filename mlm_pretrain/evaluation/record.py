"""`metrics.json`: the scores of a stage, a split at a time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError

METRICS_FILE = "metrics.json"


def require_writable(folder: str | Path) -> None:
    """Find out before the work that `metrics.json` can be written into `folder`.

    Raises:
        InputError: naming the folder and what stands in the way.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out {folder}: cannot be made ({error.strerror})", "choose another --out"
        ) from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"--out {folder}: cannot be written to", "choose another --out")


def write_metrics(folder: str | Path, metrics: dict[str, dict[str, Any]]) -> Path:
    """Write `{"validation": {"f1": …}, "test": {…}}` into `folder`."""
    path = Path(folder) / METRICS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
