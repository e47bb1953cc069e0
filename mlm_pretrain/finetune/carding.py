"""The card of a fine-tuned folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.cards import finetuned_card
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.kinds import TASKS
from mlm_pretrain.finetune.outputs import describe_input
from mlm_pretrain.finetune.preparing import Prepared
from mlm_pretrain.finetune.prompts import WAYS

_SPLITS = ("train", "validation", "test")


def write_card(
    prepared: Prepared, config: FinetuneConfig, result: dict[str, Any], revision: str | None
) -> None:
    """Write README.md into the folder that the run saves, from the run's result and settings."""
    named = {split: getattr(config, split) for split in _SPLITS}
    files = {split: describe_input(name, None) for split, name in named.items() if name is not None}
    kind = next(name for name, task in TASKS.items() if type(prepared.task) is task)
    settings = config.model_dump(include={"adapt", "seed"})
    card = finetuned_card(
        {"task": kind, **settings, **result}, files, opens_as=prepared.task.auto_class,
        model_class=prepared.settings.model_type, is_adapter=config.adapt in WAYS, revision=revision,
    )  # fmt: skip
    (Path(config.out) / "README.md").write_text(card, encoding="utf-8")
