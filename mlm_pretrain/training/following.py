"""What a run takes over from the finished run that it follows: weights, heads, optimiser, draws.

A phase of a training is a run of its own that follows another. Where its settings are those of before, rates
are level, and the run before ended with an epoch, it is to the bit what one longer run would have been: the
optimiser's state goes on, generators go on, epochs are counted on. And no phase sees the order and masks of
another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say
from mlm_pretrain.training.checkpoints.finding import checkpoint_name, open_checkpoint
from mlm_pretrain.training.checkpoints.states import read_state
from mlm_pretrain.training.followed import STEPS, WEIGHTS_STEP, Followed
from mlm_pretrain.training.heads import carry_heads
from mlm_pretrain.training.learning.lora import is_of_lora, read_lora
from mlm_pretrain.training.pretrain_config import PretrainConfig

_OPTIMIZER_FILE = "optimizer.safetensors"
_BEGIN_FRESH = "put it back, or give optimizer_state: fresh"


def settings_followed(
    config: PretrainConfig, before: Followed, max_length: int, rows: int
) -> dict[str, Any]:
    """The settings that `config` leaves open, as the run before had them: rate, tokens of a step, and
    whether the optimiser's state is carried.

    Args:
        max_length: tokens in a row of the data of this run.
        rows: that an epoch of it shows; no more are a step's, unless that is asked for.

    Raises:
        InputError: where a state is to be carried that another optimiser made.
    """
    rate = config.learning_rate or float(before.config["learning_rate"])
    size = config.batch_size or _size_followed(before, max_length, rows)
    is_same = before.config["optimizer"] == config.optimizer
    if config.optimizer_state == "carried" and not is_same:
        raise InputError(
            f"optimizer_state: carried, but {before.place} was trained with {before.config['optimizer']} "
            f"and this run shall be with {config.optimizer}",
            f"give optimizer: {before.config['optimizer']}, or optimizer_state: fresh",
        )
    state = config.optimizer_state
    if state == "auto":
        state = "carried" if is_same and _weights_step(before) else "fresh"
    return {"learning_rate": rate, "batch_size": size, "optimizer_state": state}


def _size_followed(before: Followed, max_length: int, rows: int) -> int:
    """Rows of a step that hold as many tokens as before, as far as there are so many."""
    same = same_tokens(before.config["batch_size"], before.max_length, max_length)
    if same > rows > 0:
        say(f"batches of all {rows} rows that there are, not of {same} as in {before.place}")
    return min(same, rows)


def _weights_step(before: Followed) -> int:
    """The step whose weights are followed; 0 for those that the run began with, of which no state is kept."""
    return int(before.counts.get(WEIGHTS_STEP, before.counts[STEPS]))


def same_tokens(rows: int, length: int | None, new_length: int) -> int:
    """Rows of `new_length` tokens that hold as many as `rows` of `length`; 0 where that is not known."""
    return max(1, rows * length // new_length) if length else 0


def final_checkpoint(before: Followed) -> Path:
    """The checkpoint whose weights are those that are followed, whole: the run's last, its best one, or the
    one that was named.

    Raises:
        InputError: when it is gone or damaged, with the way to go on without it.
    """
    found = before.checkpoint or before.run / checkpoint_name(_weights_step(before))
    if not found.is_dir():
        raise InputError(f"{found}: is gone, and the optimiser's state with it", _BEGIN_FRESH)
    try:
        open_checkpoint(found)
    except InputError as error:
        raise InputError(error.problem, _BEGIN_FRESH) from None
    return found


def take_heads(model: Any, before: Followed, config: PretrainConfig) -> frozenset[str]:
    """Load what the run before trained beside the model, as far as a run of `config` has the same.

    Returns:
        Names of the parameters of `model` that are now as they were there, the model's own included.
    """
    same_objective = before.config["objective"] == config.objective
    carried, fresh, left = carry_heads(model, before.model, same_objective)
    if fresh or left:
        parts = [f"begin anew: {', '.join(fresh)}"] * bool(fresh)
        parts += [f"not needed any more: {', '.join(left)}"] * bool(left)
        say(f"{before.place}: heads that {'; '.join(parts)}")
    return carried


def lora_followed(config: PretrainConfig, before: Followed | None) -> PretrainConfig:
    """With a low-rank change whose head learns as it did in the run before, where that is left open."""
    known = before.config.get("lora") if before is not None else None
    if config.lora is None or config.lora.head is not None or known is None:
        return config
    return config.model_copy(
        update={"lora": config.lora.model_copy(update={"head": known["head"]})}
    )


def carry_lora(model: Any, before: Followed | None, config: PretrainConfig) -> frozenset[str]:
    """Go on with the low-rank change of the run before, where a run of `config` has the same.

    Any other begins on the matrices as that run left them, its change in them.

    Returns:
        Names of the parameters of `model` that are now as they were there.
    """
    if before is None or config.lora is None:
        return frozenset()
    if before.config.get("lora") != config.lora.model_dump(mode="json"):
        say(f"{before.place}: had another change than lora asks for; this one begins anew")
        return frozenset()
    read_lora(model, before.model)
    return frozenset(name for name, _ in model.named_parameters() if is_of_lora(name))


def carried_state(optimizer: Any, checkpoint: Path, carried: frozenset[str]) -> dict[str, Any]:
    """The state of `optimizer` (built by `build_optimizer`) with what `checkpoint` knows of its parameters.

    Settings of the groups, such as the rate, stay its own. Parameters that `carried` does not name, or that
    were not trained before, begin anew.

    Returns:
        A state dict for `optimizer.load_state_dict`.

    Raises:
        InputError: when the checkpoint does not say which parameter is which.
    """
    before = _by_name(read_state(checkpoint / _OPTIMIZER_FILE), checkpoint)
    now = optimizer.state_dict()
    names = {i: n for g in now["param_groups"] for i, n in _numbered(g)}
    shapes = {
        n: p.shape
        for g in optimizer.param_groups
        for n, p in zip(g["param_names"], g["params"], strict=True)
    }
    found = {
        index: before[name]
        for index, name in names.items()
        if name in carried and name in before and _fits(before[name], shapes[name])
    }
    say(f"optimiser: goes on for {len(found)} of {len(names)} parameters, as {checkpoint} left it")
    return {**now, "state": found}


def _numbered(group: dict[str, Any]) -> list[tuple[int, str]]:
    return list(zip(group["params"], group["param_names"], strict=True))


def _by_name(state: dict[str, Any], checkpoint: Path) -> dict[str, dict[str, Any]]:
    """The state of every parameter that has one."""
    groups = state["param_groups"]
    if not all("param_names" in group for group in groups):
        raise InputError(
            f"{checkpoint / _OPTIMIZER_FILE}: does not name its parameters, as older versions of this "
            "package did not",
            "give optimizer_state: fresh",
        )
    pairs = [pair for group in groups for pair in _numbered(group)]
    return {name: state["state"][index] for index, name in pairs if index in state["state"]}


def _fits(state: dict[str, Any], shape: torch.Size) -> bool:
    """Whether what is kept for each number of a parameter is of its shape."""
    sizes = [v.shape for v in state.values() if isinstance(v, torch.Tensor) and v.dim()]
    return all(size == shape for size in sizes)
