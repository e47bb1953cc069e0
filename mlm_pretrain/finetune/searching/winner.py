"""The winner of a search: trained once more, scored on the test file, and saved as any fine-tuning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.outputs import describe_inputs
from mlm_pretrain.finetune.run import finetune
from mlm_pretrain.finetune.searching.records import Trial
from mlm_pretrain.manifest import MANIFEST, hash_json, versions, write_json
from mlm_pretrain.progress import say

MODEL = "model"
_RECORD = "winner.json"


def train_winner(kind: str, config: FinetuneConfig, best: Trial, metric: str) -> dict[str, Any]:
    """The record of the winner in `config.out`/model, trained unless it lies there already.

    Returns:
        `out`, the whole `config`, `metrics` a split, `best_epoch` and `seconds`.
    """
    home = Path(config.out)
    folder, record = home / MODEL, home / _RECORD
    config = config.model_copy(update={"out": str(folder)})
    inputs = describe_inputs(config, ("model", "train", "validation", "test"))
    key = hash_json([kind, config.model_dump(mode="json"), inputs, versions()])
    if (kept := _kept(record, folder, key)) is not None:
        return kept
    record.unlink(missing_ok=True)
    if folder.exists():  # of a winner that has been beaten, or half of one
        shutil.rmtree(folder)
    say(f"trial {best.number:03d} is the best ({metric} {best.score:.4f}): it is trained once more")
    result = finetune(kind, config)
    made = {
        "key": key, "out": str(folder), "config": config.model_dump(mode="json"),
        "metrics": result["metrics"], "best_epoch": result["best_epoch"],
        "seconds": result["seconds"],
    }  # fmt: skip
    write_json(record, made)
    return made


def _kept(record: Path, folder: Path, key: str) -> dict[str, Any] | None:
    if not record.is_file() or not (folder / MANIFEST).is_file():
        return None
    kept: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return kept if kept["key"] == key else None
