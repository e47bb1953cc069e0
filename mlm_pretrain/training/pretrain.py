"""A pretraining run, from prepared data to a folder with the final model."""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mlm_pretrain.claiming import claim_output, clear_false_start, telling_of_a_full_disk
from mlm_pretrain.environment import process_count, process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.record import write_metrics
from mlm_pretrain.manifest import read_manifest, write_manifest
from mlm_pretrain.precision import resolve_precision
from mlm_pretrain.progress import say
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.training.assembling import Materials, assemble, build_trainer, training_arguments
from mlm_pretrain.training.best import take_best
from mlm_pretrain.training.callbacks.clock import ClockCallback
from mlm_pretrain.training.callbacks.interruption import InterruptionCallback
from mlm_pretrain.training.callbacks.loss_watch import LossSpike
from mlm_pretrain.training.callbacks.probing import ProbingCallback
from mlm_pretrain.training.callbacks.report import ReportCallback
from mlm_pretrain.training.callbacks.validation import ValidationCallback
from mlm_pretrain.training.checkpoints.finding import STAGE
from mlm_pretrain.training.checkpoints.reading import first_process_checkpoint, restore
from mlm_pretrain.training.following import EPOCHS_BEGUN, WEIGHTS_STEP, final_checkpoint
from mlm_pretrain.training.heads import count_parameters
from mlm_pretrain.training.informed_start import informed_start
from mlm_pretrain.training.occupancy import leave, occupy, sign
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_folder import (
    COMES_AND_GOES,
    MODEL_FOLDER,
    check_same,
    finished_result,
    fit_to_processes,
    progress_facts,
    recorded_choices,
    require_space,
    restore_progress,
    write_run,
)
from mlm_pretrain.training.run_log import append_line
from mlm_pretrain.training.spikes import return_before
from mlm_pretrain.training.trainer import TokenTrainer
from mlm_pretrain.training.validating import has_validation, validate

__all__ = ["Interrupted", "PretrainConfig", "pretrain"]


class Interrupted(Exception):
    """A signal stopped the run after it had saved; `signal_number` says which, `out` where to resume."""

    def __init__(self, signal_number: int, out: str, step: int, saved_in: str = "") -> None:
        super().__init__(f"stopped at step {step}, saved in {saved_in or out}")
        self.signal_number, self.out, self.step = signal_number, out, step
        self.saved_in = saved_in or out


@quiet_transformers()
def pretrain(
    config: PretrainConfig,
    *,
    overwrite: bool = False,
    resume: bool = False,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Train until the budget is spent and write the final model.

    Args:
        config: the run's settings.
        overwrite: replace a run that lies in `config.out`.
        resume: go on from its newest complete checkpoint; the settings must be the same.
        weights_only: resume with a fresh optimiser, where the state of the old one is lost.

    Returns:
        Steps, tokens, seconds, tokens a second, and the validation loss where the data has one.

    Raises:
        InputError: for settings or data that cannot work, before the first step.
        LossSpike: when the loss is no number or far too high, before the update it would make.
        Interrupted: after a signal, once the state is saved.
    """
    out, config = Path(config.out), with_whole_paths(config)
    if resume:
        config = config.model_copy(update=recorded_choices(out, config))
        config = fit_to_processes(out, config, process_count())
        if not Path(config.data).is_dir():
            raise InputError(
                f"{config.data}: the data of this run is not there",
                "give the folder that it was moved to as --data",
            )
    # One process a machine looks for flipped bits; what it reads is then in the page cache for all.
    materials = assemble(config, checksums=os.environ.get("LOCAL_RANK", "0") == "0")
    if materials.followed and materials.config.optimizer_state == "carried" and not resume:
        final_checkpoint(materials.followed)  # for what it refuses, before a folder is touched
    interruption = InterruptionCallback()
    try:
        _claim(materials, overwrite, resume)
        if resume and (result := finished_result(out)):
            say(f"{out}: finished before")
            return result
        with telling_of_a_full_disk(out, "free some space and run again with --resume"):
            trained = _train(materials, interruption, resume, weights_only)
            interruption.restore_handlers()
            if interruption.received is not None:
                step = trained.trainer.state.global_step
                raise Interrupted(interruption.received, config.out, step)
            return _finish(*trained)
    finally:
        interruption.restore_handlers()
        leave(out)


def with_whole_paths(config: PretrainConfig) -> PretrainConfig:
    """Data and checkpoints from the root on, so that a run can be resumed from another folder."""
    paths = {"data": config.data, "init": config.init, "follows": config.follows}
    found: dict[str, Any] = {
        name: str(Path(p).absolute()) for name, p in paths.items() if p and Path(p).exists()
    }
    curriculum = config.curriculum
    if curriculum is not None and curriculum.target and Path(curriculum.target).exists():
        target = str(Path(curriculum.target).absolute())
        found["curriculum"] = curriculum.model_copy(update={"target": target})
    if config.probes is not None:
        found["probes"] = config.probes.model_copy(update=config.probes.paths())
    return config.model_copy(update=found)


class Trained(NamedTuple):
    """A run whose steps are made, and what it was made of."""

    trainer: TokenTrainer
    materials: Materials
    probing: ProbingCallback | None


def _train(
    materials: Materials, interruption: InterruptionCallback, resume: bool, weights_only: bool
) -> Trained:
    """Until the budget is spent; with `on_spike: skip` going back behind each spike of the loss."""
    skipped: set[int] = set()
    note: dict[str, Any] | None = None
    while True:
        probing = _probing(materials)
        trainer = build_trainer(materials, _callbacks(materials, interruption, probing))
        trainer.watch.skipped |= skipped
        trainer.checkpoint_facts = partial(_facts, materials, probing)
        trained = Trained(trainer, materials, probing)
        try:
            _train_once(trained, resume, weights_only, note)
        except LossSpike as spike:
            steps, note = return_before(spike, materials, skipped)
            skipped |= steps
            materials, resume, weights_only = assemble(materials.config), True, False
        else:
            return trained


def _facts(materials: Materials, probing: ProbingCallback | None) -> dict[str, Any]:
    """What a checkpoint remembers of the run beyond its training."""
    found = progress_facts(Path(materials.config.out), materials.budget)
    return found if probing is None else {**found, "probes": probing.facts()}


def _train_once(
    trained: Trained, resume: bool, weights_only: bool, note: dict[str, Any] | None
) -> None:
    """From the start, or from the newest whole checkpoint, until the budget is spent.

    Args:
        note: of why it goes on from there, for the log.
    """
    trainer, materials, probing = trained
    out = Path(materials.config.out)
    checkpoint = first_process_checkpoint(out, weights_only) if resume else None
    if checkpoint is None:
        if resume:
            say(f"{out}: no whole checkpoint yet, starting from the beginning")
        _inform(materials)
        trainer.train()
        return
    step = restore_progress(checkpoint, materials.budget)
    if probing is not None:
        probing.restore(read_manifest(checkpoint, STAGE).counts.get("probes", {}))
    say(f"resuming from {checkpoint}")
    if note is not None and process_rank() == 0:
        append_line(out, note)
    has_stopped = probing is not None and probing.standing.has_stopped
    if materials.budget.is_spent(step) or has_stopped:
        # It was stopped after its last step; Trainer would make one more.
        restore(trainer, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint), weights_only=weights_only)


def _inform(materials: Materials) -> None:
    """Where asked for and the model is a fresh one; the time it takes is part of the budget."""
    config = materials.config
    if config.init is not None or config.follows is not None or config.start == "random":
        return
    seconds = 0.0
    if process_rank() == 0:  # the others receive the first process's weights
        seconds = informed_start(
            materials.model, materials.train, materials.tokenizer,
            materials.objective.is_causal, config.seed,
        )  # fmt: skip
    materials.budget.spend_on_setup(seconds)


def _claim(materials: Materials, overwrite: bool, resume: bool) -> None:
    """The first process takes the run's folder; the others wait until it is there."""
    arguments, out = training_arguments(materials), Path(materials.config.out)
    settings = materials.config.model_dump(mode="json")
    followed_hash = materials.followed.weights_hash if materials.followed else None
    run = (settings, materials.manifest.content_hash, arguments.world_size, followed_hash)
    if arguments.process_index == 0:
        parameters = sum(p.numel() for p in materials.model.parameters())
        require_space(out, parameters, materials.config.keep_checkpoints)
        occupy(out)
        if resume:
            check_same(out, *run)
        else:
            clear_false_start(out)
            claim_output(out, overwrite)
            sign(out)
            write_run(out, *run)
        sign(out)
    if arguments.world_size > 1:
        torch.distributed.barrier()


def _probing(materials: Materials) -> ProbingCallback | None:
    """What asks the probes that the run has."""
    config, suite = materials.config.probes, materials.probes
    if config is None or suite is None:
        return None
    return ProbingCallback(config, partial(suite.score, materials.model), materials.budget)


def _callbacks(
    materials: Materials, interruption: InterruptionCallback, probing: ProbingCallback | None
) -> list[Any]:
    config, budget = materials.config, materials.budget
    callbacks: list[Any] = [
        ClockCallback(budget, config.checkpoint_minutes),
        interruption,
        ReportCallback(budget, Path(config.out), config.name),
    ]
    if config.validate_every and has_validation(materials):
        callbacks.append(ValidationCallback(config.validate_every, partial(validate, materials)))
    return [*callbacks, *([probing] if probing is not None else [])]


def _finish(
    trainer: TokenTrainer, materials: Materials, probing: ProbingCallback | None
) -> dict[str, Any]:
    config, budget, out = materials.config, materials.budget, Path(materials.config.out)
    result: dict[str, Any] = {
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
    if probing is not None:
        result["probes"] = probing.result()
    if not trainer.is_world_process_zero():
        return result
    if probing is not None:
        result[WEIGHTS_STEP] = take_best(trainer, out, probing.standing.best_step)
    trainer.save_model(str(out / MODEL_FOLDER))
    if has_validation(materials):
        result["validation"] = validate(materials)
        write_metrics(out, {"validation": result["validation"]})
    inputs = {"data": {"path": config.data, "xxh3_128": materials.manifest.content_hash}}
    if (before := materials.followed) is not None:
        inputs["followed"] = {"path": str(before.run), "xxh3_128": before.weights_hash}
    counts = {k: v for k, v in result.items() if k not in ("out", "validation")}
    settings = config.model_dump(mode="json")
    write_manifest(out, "pretrain", settings, inputs, counts, leave_out=COMES_AND_GOES)
    return result
