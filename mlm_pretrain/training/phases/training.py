"""Trains one phase after the other, and goes on with the one that was stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils.memory import clear_device_cache
from transformers import AutoTokenizer

from mlm_pretrain.claiming import claim_output, clear_false_start
from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, Manifest, read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.agreement import begin_processes, first_process_value, meet
from mlm_pretrain.training.assembling import objective_config_of, objective_of
from mlm_pretrain.training.occupancy import leave, occupy, sign
from mlm_pretrain.training.phases.config import Phase, resolve, with_room
from mlm_pretrain.training.phases.record import (
    check_begun,
    finish,
    is_begun,
    is_finished,
    recorded_phases,
    write_phases,
)
from mlm_pretrain.training.pretrain import Interrupted, pretrain
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.probing.building import read_inputs
from mlm_pretrain.training.run_folder import finished_result
from mlm_pretrain.training.same_tokenizer import require_same_tokenizer


def pretrain_phases(
    config: PretrainConfig,
    phases: Sequence[Phase],
    *,
    overwrite: bool = False,
    resume: bool = False,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Train in phases, each of which goes on from the weights of the one before, and from its optimiser.

    Each is a run in a folder of its own below `config.out`, with a log, checkpoints and a final model, and
    is stopped and resumed as any run: to the same bits, in a phase and between two. Epochs are counted on,
    so that no phase sees the order and masks of another.

    Args:
        config: what all phases share (see `resolve` for rates and lengths).
        phases: how long each is and what it has of its own, the first one first.
        overwrite: replace what lies in `config.out`.
        resume: leave out phases that are finished, and go on with the one that was stopped. Settings of
            phases that are begun must be the same; those to come may change.
        weights_only: of the phase that was stopped, take the weights alone.

    Returns:
        The last phase's result, with steps, tokens and seconds of all of them, and in `phases` each one's.

    Raises:
        InputError: for settings or data that cannot work, of any phase, before the first step.
        LossSpike: as `pretrain`.
        Interrupted: after a signal, once the state is saved; resuming goes on in that phase.
    """
    configs = with_room(resolve(config, phases))
    return _train_all(Path(config.out), configs, overwrite, resume, weights_only)


def resume_phases(
    out: str | Path, changes: dict[str, Any] | None = None, weights_only: bool = False
) -> dict[str, Any]:
    """Go on with the training in `out` by its own record, as `pretrain_phases` with `resume`.

    Args:
        changes: settings in place of those of all phases, such as `workers`, that change no weight.
    """
    configs = recorded_phases(out, changes or {})
    return _train_all(Path(out), configs, False, True, weights_only)


def _train_all(
    out: Path, configs: Sequence[PretrainConfig], overwrite: bool, resume: bool, weights_only: bool
) -> dict[str, Any]:
    check_together([config for config in configs if overwrite or not is_finished(config.out)])
    begin_processes()
    try:
        if process_rank() == 0:
            _claim(out, configs, overwrite, resume)
        meet()
        results = [
            _train(number, len(configs), config, weights_only)
            for number, config in enumerate(configs, start=1)
        ]
        return finish(out, results) if process_rank() == 0 else results[-1]
    except Interrupted as stop:
        raise Interrupted(stop.signal_number, str(out), stop.step, stop.saved_in) from None
    finally:
        leave(out)


def check_together(configs: Sequence[PretrainConfig]) -> None:
    """Find out before the first phase what would stop a later one.

    Raises:
        InputError: naming the phase, for data that is missing, too small or of another tokenizer, and for
            objectives that no one model can have.
    """
    first: tuple[PretrainConfig, str, tuple[bool, bool]] | None = None
    for config in configs:
        manifest, objective = read_manifest(config.data, "prepare"), objective_of(config)
        objective_config_of(config)  # for what it refuses
        if config.probes is not None:
            read_inputs(config.probes, objective)
        _require_other_texts(config)
        _require_rows(config, manifest)
        found = (config, _tokenizer(manifest), (objective.is_causal, objective.is_packed))
        first = first or found
        if found[1] != first[1]:
            raise InputError(
                f"phases: {config.data} of {config.name} was prepared with another tokenizer than "
                f"{first[0].data} of {first[0].name}",
                "prepare the data of all phases with one tokenizer",
            )
        if found[2] != first[2]:
            raise InputError(
                f"phases: {config.objective} of {config.name} trains another kind of model than "
                f"{first[0].objective} of {first[0].name}",
                "choose objectives of one kind: of encoders, of decoders, or of both together",
            )


def _require_other_texts(config: PretrainConfig) -> None:
    """What is mixed in and what is measured has the tokenizer of the phase's data."""
    sections = {"replay": config.replay, "guard": config.guard}
    given = {name: section.data for name, section in sections.items() if section is not None}
    if not given:
        return
    folder = Path(config.data) / "tokenizer"
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    for name, data in given.items():
        require_same_tokenizer(data, tokenizer, f"phases.{config.name}.{name}.data")


def _require_rows(config: PretrainConfig, manifest: Manifest) -> None:
    rows = int(manifest.counts["train"]["rows"])
    if rows < config.batch_size:
        raise InputError(
            f"phases.{config.name}: the {rows} rows of {config.data} are fewer than a batch of "
            f"{config.batch_size}",
            "prepare more text, or lower batch_size of this phase",
        )


def _tokenizer(manifest: Manifest) -> str:
    return str(manifest.files.get("tokenizer/tokenizer.json", {}).get("xxh3_128"))


def _claim(out: Path, configs: Sequence[PretrainConfig], overwrite: bool, resume: bool) -> None:
    """Take the folder, and record what is asked for."""
    occupy(out)
    if resume:
        check_begun(out, configs)
        (out / MANIFEST).unlink(missing_ok=True)  # written again over what the phases then are
    else:
        clear_false_start(out)
        claim_output(out, overwrite)
        sign(out)
    write_phases(out, configs)
    sign(out)


def _train(number: int, count: int, config: PretrainConfig, weights_only: bool) -> dict[str, Any]:
    """One phase, unless it is finished."""
    run = Path(config.out)
    is_first = process_rank() == 0
    before = first_process_value(finished_result(run) if is_first and run.is_dir() else None)
    if before is not None:
        say(f"phase {number} of {count}, {config.name}: finished before")
        return before
    begun = first_process_value(is_begun(run))
    say(f"phase {number} of {count}, {config.name}" + (": goes on" if begun else ""))
    result = pretrain(config, resume=begun, weights_only=weights_only and begun)
    meet()  # the first process has written the model that the next phase begins with
    clear_device_cache(garbage_collection=True)
    return result
