"""Takes a training up where a checkpoint left it, or says why that would not be the same training."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.agreement import first_process_value
from mlm_pretrain.training.checkpoints.finding import (
    STAGE,
    newest_checkpoint,
    newest_weights,
    open_checkpoint,
    set_aside_newer,
)
from mlm_pretrain.training.checkpoints.fingerprint import changes, code_changed, fingerprint
from mlm_pretrain.training.checkpoints.generators import restore_generators, seed_generators
from mlm_pretrain.training.checkpoints.states import read_state
from mlm_pretrain.training.checkpoints.writing import ADAPTIVE_FILE, generators_name

_WAY_OUT = "resume with the old settings, or start a new run from the exported model"
# Of a parameter group: what the schedule sets, not the user; names are compared with the model's shape.
_OF_THE_MOMENT = {"params", "param_names", "lr"}


def choose_checkpoint(given: str | bool, out: Path, weights_only: bool) -> Path:
    """The checkpoint to resume from, whole: `given`, or the newest in `out` where that is True.

    Raises:
        InputError: naming the damaged file, or when there is no checkpoint.
    """
    if isinstance(given, bool):
        checkpoint = first_process_checkpoint(out, weights_only)
        if checkpoint is None:
            raise InputError(f"{out}: no checkpoint to resume from", "start without resuming")
        return checkpoint
    if not weights_only:
        open_checkpoint(Path(given))
    elif not (Path(given) / TRAINER_STATE_NAME).is_file():
        raise InputError(
            f"{given}: no {TRAINER_STATE_NAME}, so no step to go on from",
            "start a new training from these weights instead",
        )
    return Path(given)


def first_process_checkpoint(out: Path, weights_only: bool) -> Path | None:
    """The newest checkpoint in `out`, as the first process finds it, on all of them."""
    find = newest_weights if weights_only else newest_checkpoint
    found = find(out) if process_rank() == 0 and out.is_dir() else None
    return first_process_value(found)


def require_same(trainer: Any, checkpoint: Path) -> None:
    """Refuse to go on with other settings, data, tokenizer or model than those of `checkpoint`.

    Raises:
        InputError: with every change as old → new.
    """
    if trainer.args.ignore_data_skip:
        raise InputError(
            f"{checkpoint}: ignore_data_skip would show the batches of this epoch again",
            "leave it out, or take the weights alone with weights_only=True",
        )
    before, now = read_manifest(checkpoint, STAGE).config, fingerprint(trainer)
    if listed := changes(before, now):
        raise InputError(f"{checkpoint}: resumed with " + "; ".join(listed), _WAY_OUT)
    if code_changed(before, now):
        say(
            f"{checkpoint}: written by other code of this package; numbers may differ in the last digits"
        )


def make_current(trainer: Any, checkpoint: Path) -> None:
    """Let nothing newer stand in the way of the checkpoints to come."""
    if (
        trainer.args.should_save
        and checkpoint.parent.resolve() == Path(trainer.args.output_dir).resolve()
    ):
        set_aside_newer(checkpoint.parent, int(read_manifest(checkpoint, STAGE).counts["step"]))


def load_states(trainer: Any, checkpoint: Path) -> None:
    """The optimiser's, the schedule's and the scaler's state."""
    state = read_state(checkpoint / "optimizer.safetensors")
    _require_same_groups(trainer.optimizer.state_dict(), state, checkpoint)
    trainer.optimizer.load_state_dict(state)
    trainer.lr_scheduler.load_state_dict(read_state(checkpoint / "scheduler.safetensors"))
    if trainer.accelerator.scaler is not None:
        trainer.accelerator.scaler.load_state_dict(read_state(checkpoint / "scaler.safetensors"))


def _require_same_groups(now: dict[str, Any], before: dict[str, Any], checkpoint: Path) -> None:
    """Loading would silently put the old settings in place of those of an optimiser that was given."""
    listed = [
        f"{name} of parameter group {number}: {old[name]!r} → {new[name]!r}"
        for number, (old, new) in enumerate(
            zip(before["param_groups"], now["param_groups"], strict=False)
        )
        for name in sorted(old.keys() & new.keys() - _OF_THE_MOMENT)
        if old[name] != new[name]
    ]
    sizes = [[len(group["params"]) for group in part["param_groups"]] for part in (before, now)]
    if sizes[0] != sizes[1]:
        listed.append(f"trained parameters of each group: {sizes[0]} → {sizes[1]}")
    if listed:
        raise InputError(f"{checkpoint}: resumed with " + "; ".join(listed), _WAY_OUT)


def advance_schedule(trainer: Any) -> None:
    """Where weights alone are taken: the rate of the step they come from, for a fresh optimiser."""
    schedule, step = trainer.lr_scheduler, trainer.state.global_step
    if isinstance(schedule, LambdaLR):
        schedule.last_epoch = step - 1
    else:
        step = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that no step of the optimiser came before
        schedule.step()
    say(f"step {step}: weights alone; the optimiser starts anew, so this is not the run it was")


def load_moment(trainer: Any, checkpoint: Path) -> None:
    """Generators and running losses, as they were when `checkpoint` was written."""
    try:
        manifest = read_manifest(checkpoint, STAGE)
    except InputError:  # the weights alone of somebody else's checkpoint
        return
    counts, args = manifest.counts, trainer.args
    trainer._tr_loss = torch.tensor(counts["loss_since_log"], device=args.device)
    trainer._total_loss_scalar = -counts[
        "loss_since_log"
    ]  # the mean is over the steps from here on
    trainer._globalstep_last_logged = counts["step_of_log"]
    trainer.watch.restore(counts)
    is_first = args.process_index == 0
    trainer.terms.restore(counts, args.device, is_first)
    if trainer.sources is not None:
        trainer.sources.restore(counts, args.device, is_first)
    if trainer.adaptive is not None and not trainer._weights_only:
        trainer.adaptive.restore(read_state(checkpoint / ADAPTIVE_FILE))
    path = checkpoint / generators_name(args.process_index)
    if path.is_file() and manifest.config["settings"]["processes"] == args.world_size:
        restore_generators(read_state(path))
    else:  # there are more or fewer processes than before
        seed_generators(args.seed, trainer.state.global_step, args.process_index)


def restore_replay(trainer: Any, checkpoint: Path | None) -> None:
    """What was mixed in until `checkpoint` was written, and the share by then; without one nothing.

    Before the first batch is made, for its rows follow from it.
    """
    if trainer.replay is None:
        return
    facts: dict[str, Any] = {}
    if checkpoint is not None:
        with suppress(InputError):  # the weights alone of somebody else's checkpoint
            facts = read_manifest(checkpoint, STAGE).counts.get("replay", {})
    trainer.replay.restore(facts)


def restore(trainer: Any, checkpoint: Path) -> None:
    """Weights and counts of `checkpoint`, without a step of training."""
    restore_replay(trainer, checkpoint)
    trainer._load_from_checkpoint(str(checkpoint))
    trainer.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))


def require_safe_weights(checkpoint: Path) -> None:
    """Refuse weights that would be unpickled.

    Raises:
        InputError: when there are none in safetensors.
    """
    if not any(checkpoint.glob("*.safetensors")):
        raise InputError(
            f"{checkpoint}: has no weights in safetensors",
            "convert them where you trust them: a pickle, which can hold code, is not opened here",
        )
