"""Writes a checkpoint aside, seals it with its checksums, and only then gives it its name.

A process may be killed, or the power fail, at any moment: what bears the name is whole.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch.distributed as dist
from safetensors import SafetensorError
from safetensors.torch import save_model
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import ExportableState
from transformers.utils import SAFE_WEIGHTS_NAME

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_manifest
from mlm_pretrain.training.agreement import mean_over_processes
from mlm_pretrain.training.checkpoints.finding import (
    ASIDE,
    STAGE,
    checkpoint_name,
    remove_checkpoint,
    rotate_checkpoints,
)
from mlm_pretrain.training.checkpoints.fingerprint import fingerprint
from mlm_pretrain.training.checkpoints.generators import generator_states
from mlm_pretrain.training.checkpoints.states import write_state
from mlm_pretrain.training.heads import own_state, write_heads
from mlm_pretrain.training.learning.lora import write_lora

ADAPTIVE_FILE = "adaptive.safetensors"


def write_checkpoint(trainer: Any, out: Path) -> Path:
    """Save all that `trainer` (a `TokenTrainer`) needs to go on, as `out`/checkpoint-STEP.

    Raises:
        InputError: when it cannot be written; the checkpoints before stay.
    """
    final = out / checkpoint_name(trainer.state.global_step)
    aside = final.with_name(final.name + ASIDE)
    try:
        _write(trainer, aside, final)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"step {trainer.state.global_step}: its checkpoint cannot be written ({reason})",
            f"make room in {out} and resume from the checkpoint before",
        ) from error
    return final


def _write(trainer: Any, aside: Path, final: Path) -> None:
    is_first = trainer.args.should_save
    if is_first:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    _together(trainer)
    for part in (trainer.terms, trainer.sources):
        if part is not None:
            part.share(trainer)
    loss_since_log = mean_over_processes(trainer._tr_loss)
    trainer.save_model(str(aside), _internal_call=True)
    if not trainer.args.save_only_model:
        write_state(aside / generators_name(trainer.args.process_index), generator_states())
        if is_first:
            _write_states(trainer, aside)
    _together(trainer)
    if is_first:
        _note_best(trainer, final)
        _write_counts(trainer, aside)
        write_manifest(aside, STAGE, fingerprint(trainer), {}, _counts(trainer, loss_since_log))
        _to_disk(aside)
        remove_checkpoint(final)  # of a run that got here before, and was taken back
        aside.rename(final)
        _to_disk(final.parent, deep=False)
        best = trainer.state.best_model_checkpoint
        keep = trainer.keep_checkpoints or trainer.args.save_total_limit
        rotate_checkpoints(final.parent, keep, Path(best) if best else None)
    _together(trainer)


def generators_name(process: int) -> str:
    return f"generators-{process}.safetensors"


def _write_states(trainer: Any, aside: Path) -> None:
    write_state(aside / "optimizer.safetensors", trainer.optimizer.state_dict())
    write_state(aside / "scheduler.safetensors", trainer.lr_scheduler.state_dict())
    if trainer.adaptive is not None:
        write_state(aside / ADAPTIVE_FILE, trainer.adaptive.facts())
    if trainer.accelerator.scaler is not None:
        write_state(aside / "scaler.safetensors", trainer.accelerator.scaler.state_dict())


def _note_best(trainer: Any, final: Path) -> None:
    """Where the best model lies, as the stock Trainer notes it."""
    step = trainer.state.best_global_step
    if step:
        best = final.with_name(checkpoint_name(step))
        if best == final or best.exists():
            trainer.state.best_model_checkpoint = str(best)


def _write_counts(trainer: Any, aside: Path) -> None:
    """The Trainer's own state, with that of callbacks that have one."""
    callbacks = [*trainer.callback_handler.callbacks, trainer.control]
    kept = trainer.state.stateful_callbacks
    for callback in callbacks:
        if isinstance(callback, ExportableState):
            name, state = type(callback).__name__, callback.state()
            if isinstance(kept[name], list):
                kept[name].append(state)
            else:
                kept[name] = state
    trainer.state.save_to_json(str(aside / TRAINER_STATE_NAME))


def _counts(trainer: Any, loss_since_log: float) -> dict[str, Any]:
    """What the Trainer keeps for itself alone, and of all processes the losses since the last log."""
    return {
        "step": trainer.state.global_step,
        "tokens": trainer.tokens_seen,
        "loss_since_log": loss_since_log,
        "step_of_log": trainer._globalstep_last_logged,
        **trainer.watch.facts(),
        **trainer.terms.facts(),
        **(trainer.sources.facts() if trainer.sources is not None else {}),
        **({"replay": trainer.replay.facts()} if trainer.replay is not None else {}),
        **trainer.checkpoint_facts(),
    }


def write_weights(trainer: Any, folder: Path, state_dict: dict[str, Any] | None) -> None:
    """Model and tokenizer, and not the pickled arguments that the stock Trainer adds: they hold its token."""
    if not trainer.args.should_save:
        return
    folder.mkdir(parents=True, exist_ok=True)
    model = trainer.model
    if not hasattr(model, "save_pretrained"):
        model = trainer.accelerator.unwrap_model(model, keep_torch_compile=False)
    if hasattr(model, "save_pretrained"):
        plain = trainer.accelerator.unwrap_model(model, keep_torch_compile=False)
        state = own_state(plain) if state_dict is None else state_dict
        model.save_pretrained(folder, state_dict=state)
        write_heads(plain, folder)
        write_lora(plain, folder)
    else:
        save_model(model, str(folder / SAFE_WEIGHTS_NAME))
    if trainer.processing_class is not None:
        trainer.processing_class.save_pretrained(folder)


def _to_disk(path: Path, deep: bool = True) -> None:
    """Wait until files and names are on the disk; a rename must not overtake what it names."""
    for part in [path, *(path.rglob("*") if deep else [])]:
        number = os.open(part, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _together(trainer: Any) -> None:
    if trainer.args.world_size > 1:
        dist.barrier()
