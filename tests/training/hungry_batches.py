"""Batches for which the memory of this machine does not suffice."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from mlm_pretrain.training.trainer import TokenTrainer

MEMORY_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def hungry(rows_that_fit: int, from_step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a step on, batches ask the system for memory, and larger ones for more than it has."""
    real = TokenTrainer.compute_loss
    a_row = int(0.9 * MEMORY_BYTES / rows_that_fit) if rows_that_fit else 1 << 50

    def asking(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step + 1 >= from_step:
            torch.empty(len(inputs["labels"]) * a_row, dtype=torch.uint8)
        return real(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(TokenTrainer, "compute_loss", asking)
