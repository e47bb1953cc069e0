"""What the verbs that fine-tune models side by side are told alike."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Seeds = Annotated[
    int, typer.Option(min=1, help="Runs of each model on each task; fewer than 5 show little.")
]
Labels = Annotated[
    int | None, typer.Option(help="Train on N examples, others with each seed. [default: all]")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting of `finetune` as key=value, for all runs."),
]


def settings_of(overrides: list[str] | None, labels: int | None) -> dict[str, Any]:
    """Of `finetune`, for all runs."""
    from mlm_pretrain.config import overridden

    settings = overridden({}, overrides or [])
    return settings if labels is None else {**settings, "max_train_examples": labels}
