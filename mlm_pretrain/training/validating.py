"""What a run says of its model on held-out rows: while it is trained, and at the end."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.evaluation.objective_loss import score_objective
from mlm_pretrain.evaluation.perplexity import score_rows
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.modeling.compilation import as_written
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.training.assembling import Materials

_VALIDATION_ROWS = 32


def has_validation(materials: Materials) -> bool:
    """Whether its data keeps rows for it."""
    return bool(materials.manifest.counts.get("validation", {}).get("rows"))


def validate(materials: Materials) -> dict[str, Any]:
    """The loss as the model is used; where it is used in a second way, that under the way's name."""
    with as_written(materials.model):  # its batches have shapes of their own
        if materials.objective.figures is not None:
            return _by_itself(materials)
        first, *others = materials.objective.served
        found = _as_used(materials, first)
        return {**found, **{name: _as_used(materials, name) for name in others}}


def _by_itself(materials: Materials) -> dict[str, Any]:
    """By the objective's own loss, with its own settings."""
    rows = open_rows(materials.config.data, materials.tokenizer, materials.model.config, None)
    return score_objective(
        materials.model, rows, materials.objective, materials.objective_config,
        materials.vocabulary, precision=materials.config.precision,
        batch_size=min(_VALIDATION_ROWS, materials.config.batch_size),
    )  # fmt: skip


def _as_used(materials: Materials, objective: str) -> dict[str, Any]:
    rows = open_rows(materials.config.data, materials.tokenizer, materials.model.config, None)
    return score_rows(
        materials.model, rows, OBJECTIVES[objective], materials.vocabulary,
        precision=materials.config.precision,
        # What training had room for: scores of all tokens may need more than the weights.
        batch_size=min(_VALIDATION_ROWS, materials.config.batch_size),
    )  # fmt: skip
