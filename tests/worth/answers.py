"""What is asked of the real runs, and what is kept of the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.worth import Variant

SETTINGS = {"max_train_examples": 32, "epochs": 1}
SEEDS, COUNTS = 3, [16]
FORGOTTEN = {"DAPT": {"general text, nats a token": {"before": 2.125, "after": 2.5}}}
COMMAND = "mlm-pretrain worth …"
MORE: dict[str, Any] = {"label_counts": COUNTS, "forgotten": FORGOTTEN, "command": COMMAND}


class Answer(NamedTuple):
    """Models, task and folder, and what came out."""

    variants: list[Variant]
    task: LabelledTask
    out: Path
    result: dict[str, Any]
