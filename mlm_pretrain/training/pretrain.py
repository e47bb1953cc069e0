"""A pretraining run, from prepared data to a folder with the final model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from mlm_pretrain.claiming import claim_output, clear_false_start, telling_of_a_full_disk
from mlm_pretrain.environment import process_count, process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.training.assembling import Materials, assemble, build_trainer, training_arguments
from mlm_pretrain.training.callbacks.interruption import InterruptionCallback
from mlm_pretrain.training.callbacks.loss_watch import LossSpike
from mlm_pretrain.training.checkpoints.finding import STAGE
from mlm_pretrain.training.checkpoints.reading import first_process_checkpoint, restore
from mlm_pretrain.training.finishing import Trained, finish
from mlm_pretrain.training.following import final_checkpoint
from mlm_pretrain.training.occupancy import leave, occupy, sign
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_changes import check_same, fit_to_processes
from mlm_pretrain.training.run_folder import (
    finished_result,
    recorded_choices,
    require_space,
    restore_progress,
    write_run,
)
from mlm_pretrain.training.run_log import append_line
from mlm_pretrain.training.spikes import return_before
from mlm_pretrain.training.starting import inform
from mlm_pretrain.training.watchers import watchers_of
from mlm_pretrain.training.whole_paths import with_whole_paths

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
        _require_data(config)
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
            return finish(trained)
    finally:
        interruption.restore_handlers()
        leave(out)


def _require_data(config: PretrainConfig) -> None:
    """Say where to look for data of a run that was moved since."""
    ways = {config.data: "as --data"}
    if config.replay is not None:
        ways[config.replay.data] = "by --set pretrain.replay.data=FOLDER"
    if config.guard is not None:
        ways[config.guard.data] = "by --set pretrain.guard.data=FOLDER"
    for folder, way in ways.items():
        if not Path(folder).is_dir():
            raise InputError(
                f"{folder}: the data of this run is not there",
                f"give the folder that it was moved to {way}",
            )


def _train(
    materials: Materials, interruption: InterruptionCallback, resume: bool, weights_only: bool
) -> Trained:
    """Until the budget is spent; with `on_spike: skip` going back behind each spike of the loss."""
    skipped: set[int] = set()
    note: dict[str, Any] | None = None
    while True:
        watchers = watchers_of(materials)
        trainer = build_trainer(materials, watchers.callbacks(interruption))
        trainer.watch.skipped |= skipped
        trainer.checkpoint_facts = watchers.facts
        trained = Trained(trainer, materials, watchers)
        try:
            _train_once(trained, resume, weights_only, note)
        except LossSpike as spike:
            steps, note = return_before(spike, materials, trainer.watch.skipped)
            skipped |= steps
            materials, resume, weights_only = assemble(materials.config), True, False
        else:
            return trained


def _train_once(
    trained: Trained, resume: bool, weights_only: bool, note: dict[str, Any] | None
) -> None:
    """From the start, or from the newest whole checkpoint, until the budget is spent.

    Args:
        note: of why it goes on from there, for the log.
    """
    trainer, materials, watchers = trained
    out = Path(materials.config.out)
    checkpoint = first_process_checkpoint(out, weights_only) if resume else None
    if checkpoint is None:
        if resume:
            say(f"{out}: no whole checkpoint yet, starting from the beginning")
        inform(materials)
        trainer.train()
        return
    step = restore_progress(checkpoint, materials.budget)
    watchers.restore(read_manifest(checkpoint, STAGE).counts)
    say(f"resuming from {checkpoint}")
    if note is not None and process_rank() == 0:
        append_line(out, note)
    if materials.budget.is_spent(step) or watchers.has_stopped:
        # It was stopped after its last step; Trainer would make one more.
        restore(trainer, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint), weights_only=weights_only)


def _claim(materials: Materials, overwrite: bool, resume: bool) -> None:
    """The first process takes the run's folder; the others wait until it is there."""
    arguments, out = training_arguments(materials), Path(materials.config.out)
    settings = materials.config.model_dump(mode="json")
    hashes = {role: known["xxh3_128"] for role, known in materials.inputs().items()}
    run = (settings, arguments.world_size, {"followed": None, **hashes})
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
