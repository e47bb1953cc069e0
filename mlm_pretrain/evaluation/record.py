"""`metrics.json`: the scores of a stage, a split at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

METRICS_FILE = "metrics.json"


def write_metrics(folder: str | Path, metrics: dict[str, dict[str, Any]]) -> Path:
    """Write `{"validation": {"f1": …}, "test": {…}}` into `folder`."""
    path = Path(folder) / METRICS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
