"""`metrics.json`: the scores of a stage, a split at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlm_pretrain.redaction import redacted_values

METRICS_FILE = "metrics.json"


def write_metrics(folder: str | Path, metrics: dict[str, dict[str, Any]]) -> Path:
    """Write `{"validation": {"f1": …}, "test": {…}}` into `folder`."""
    path = Path(folder) / METRICS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(redacted_values(metrics), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
