"""What a run leaves when its steps are made: the model, its figures, and the record of both."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.evaluation.record import write_metrics
from mlm_pretrain.manifest import write_manifest
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.training.assembling import Materials, assemble
from mlm_pretrain.training.best import take_best
from mlm_pretrain.training.followed import EPOCHS_BEGUN, WEIGHTS_STEP
from mlm_pretrain.training.heads import count_learning, count_parameters
from mlm_pretrain.training.run_folder import COMES_AND_GOES, MODEL_FOLDER
from mlm_pretrain.training.starting import informed
from mlm_pretrain.training.trainer import TokenTrainer
from mlm_pretrain.training.validating import has_validation, validate
from mlm_pretrain.training.watchers import Watchers


class Trained(NamedTuple):
    """A run whose steps are made, and what it was made of."""

    trainer: TokenTrainer
    materials: Materials
    watchers: Watchers


def finish(trained: Trained) -> dict[str, Any]:
    """Write the final model, validate it, and record what was counted; the run's result."""
    trainer, materials, watchers = trained
    out = Path(materials.config.out)
    result = _counted(trainer, materials)
    if watchers.probing is not None:
        result["probes"] = watchers.probing.result()
    if not trainer.is_world_process_zero():
        return result
    step = _take_chosen(trained)
    if watchers.probing is not None or watchers.guarding is not None:
        result[WEIGHTS_STEP] = step
    if watchers.guarding is not None:
        result["forgetting"] = watchers.guarding.result(step)
    trainer.save_model(str(out / MODEL_FOLDER))
    if has_validation(materials):
        result["validation"] = validate(materials)
        write_metrics(out, {"validation": result["validation"]})
    counts = {k: v for k, v in result.items() if k not in ("out", "validation")}
    settings = materials.config.model_dump(mode="json")
    write_manifest(out, "pretrain", settings, materials.inputs(), counts, leave_out=COMES_AND_GOES)
    return result


def _take_chosen(trained: Trained) -> int:
    """Give the model the weights that the run shall end with; the step that they are of."""
    trainer, materials, watchers = trained
    step = watchers.chosen_step
    if step == 0:  # no step was any good: those it began with
        begun = assemble(materials.config)
        informed(begun)
        trainer.model.load_state_dict(begun.model.state_dict())
        return 0
    return take_best(trainer, Path(materials.config.out), step or 0)


def _counted(trainer: TokenTrainer, materials: Materials) -> dict[str, Any]:
    """Of the steps that were made."""
    config, budget = materials.config, materials.budget
    found: dict[str, Any] = {
        "out": config.out,
        "model": type(materials.model).__name__,
        "parameters": count_parameters(materials.model),
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0.0, 4),
        EPOCHS_BEGUN: materials.first_epoch + math.ceil(trainer.state.epoch or 0.0),
        "tokens": trainer.tokens_seen,
        "seconds": round(budget.elapsed_seconds, 2),
        "tokens_per_second": round(trainer.tokens_this_run / max(trainer.seconds_this_run, 1e-9)),
        "precision": resolve_precision(config.precision),
        "attention": config.attention,
    }
    if materials.config.lora is not None or not materials.config.trains.is_all:
        found["trained_parameters"] = count_learning(materials.model)
    if materials.replay is not None:
        found["replay"] = materials.replay.result(trainer.tokens_seen)
    return found
