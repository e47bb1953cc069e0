"""What differs between the phases of a training, and the settings of each as a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from pydantic import Field
from transformers import AutoConfig

from mlm_pretrain.config import StrictConfig, build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.modeling.sizes import check_length
from mlm_pretrain.training.followed import read_followed
from mlm_pretrain.training.pretrain_config import PretrainConfig

_LENGTHS = ("steps", "epochs", "minutes")
# How a training begins and where it lies is said once for all phases.
_OF_ALL = ("arch", "init", "revision", "start", "positions", "follows", "out", "name")
OF_THE_FIRST = ("arch", "init", "revision", "start", "positions")
_OBJECTIVE = ("objective", "objective_settings", "objectives", "together", "balance")


class Phase(StrictConfig):
    """A part of a training.

    Attributes:
        name: its folder is NUMBER-NAME, below that of the training.
        steps, epochs, minutes: how long; exactly one of these, or
        share: of the steps, epochs or minutes of the whole training, if every phase has one.
        pretrain: settings of `PretrainConfig` that this phase has in place of those that all share.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    steps: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    share: float | None = Field(None, gt=0, le=1)
    pretrain: dict[str, Any] = Field(default_factory=dict)


def resolve(config: PretrainConfig, phases: Sequence[Phase]) -> list[PretrainConfig]:
    """The settings of each phase's run, the first one first.

    Every run has its folder in `config.out`, and each but the first follows the one before. Of the shared
    settings `warmup_share` is the first phase's and `decay_share` the last one's, so that the rate is level
    between them; a phase may have either for itself.

    Raises:
        InputError: naming the phase and the setting.
    """
    _check_names(phases)
    lengths = _lengths(config, phases)
    shared = config.model_dump(exclude_unset=True, exclude=set(_LENGTHS))
    if config.objectives:  # which give the one objective its name
        shared.pop("objective", None)
    found = []
    for number, (phase, length) in enumerate(zip(phases, lengths, strict=True)):
        settings = _beginning(dict(shared), is_first=number == 0)
        settings |= _rates(settings, number == 0, number == len(phases) - 1)
        settings = {**_merged(settings, phase), **length, "name": phase.name}
        found.append(build_config(PretrainConfig, settings, f"phases.{phase.name}.pretrain"))
    return placed(Path(config.out), found)


def placed(out: Path, configs: Sequence[PretrainConfig]) -> list[PretrainConfig]:
    """Each run with its folder in `out`, following the one before."""
    folders = [out / f"{n}-{config.name}" for n, config in enumerate(configs, start=1)]
    first = configs[0].follows
    before = [first, *map(str, folders)]
    return [
        config.model_copy(update={"out": str(folder), "follows": follows})
        for config, folder, follows in zip(configs, folders, before, strict=False)
    ]


def with_room(configs: Sequence[PretrainConfig]) -> list[PretrainConfig]:
    """With positions from the first phase on for the longest rows of any.

    Raises:
        InputError: when the model that the first phase goes on from has too few.
    """
    lengths = [length_of(config.data) for config in configs]
    first, longest = configs[0], max(*lengths, configs[0].positions or 0)
    if first.follows is not None:
        model = AutoConfig.from_pretrained(read_followed(first.follows).model)
        check_length(model, longest)
    elif longest > lengths[0]:
        first = first.model_copy(update={"positions": longest})
    return [first, *configs[1:]]


def length_of(data: str) -> int:
    """Tokens in a row of prepared data."""
    return int(read_manifest(data, "prepare").config["max_length"])


def _check_names(phases: Sequence[Phase]) -> None:
    names = [phase.name for phase in phases]
    if not names:
        raise InputError("phases: there are none", "name at least one, or leave `phases` out")
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"phases: two are called {min(twice)}", "give each its own name")


def _lengths(config: PretrainConfig, phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """How long each phase is, under the name that its run gives it."""
    total = {n: getattr(config, n) for n in _LENGTHS if getattr(config, n) is not None}
    with_share = [phase for phase in phases if phase.share is not None]
    if not with_share:
        if total:
            raise InputError(
                f"pretrain.{next(iter(total))}: would do nothing, since every phase has its own length",
                "leave it out, or give each phase a share of it",
            )
        return [_own_length(phase) for phase in phases]
    if len(with_share) < len(phases) or any(_given(phase) for phase in phases):
        raise InputError(
            f"phases.{with_share[0].name}.share: a share beside other lengths says nothing",
            "give every phase a share, or every one its own steps, epochs or minutes",
        )
    return _shared_out(total, [float(phase.share or 0) for phase in phases])


def _given(phase: Phase) -> dict[str, Any]:
    return {n: getattr(phase, n) for n in _LENGTHS if getattr(phase, n) is not None}


def _own_length(phase: Phase) -> dict[str, Any]:
    given = _given(phase)
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise InputError(
            f"phases.{phase.name}: needs one of steps, epochs and minutes, and has {found}",
            "say how long it is, or give every phase a share of the length under `pretrain`",
        )
    return given


def _shared_out(total: dict[str, Any], shares: Sequence[float]) -> list[dict[str, Any]]:
    if not total:
        raise InputError(
            "phases: shares of no length", "give steps, epochs or minutes under `pretrain`"
        )
    if abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"phases: the shares add up to {sum(shares):g}", "let them add up to 1")
    ((name, amount),) = total.items()
    if name != "steps":
        return [{name: amount * share} for share in shares]
    ends = [0, *(round(amount * part) for part in accumulate(shares))]
    steps = [end - start for start, end in pairwise(ends)]
    if 0 in steps:
        raise InputError(f"phases: {amount} steps leave none for a phase", "give more steps")
    return [{name: count} for count in steps]


def _beginning(shared: dict[str, Any], is_first: bool) -> dict[str, Any]:
    """What all share without what only the first phase can have, or only one that follows another."""
    if not is_first:
        # Any other run in its place: which one, is known when all have their folders.
        return {**{k: v for k, v in shared.items() if k not in OF_THE_FIRST}, "follows": "."}
    if shared.get("follows") is None:
        shared.pop("optimizer_state", None)
    return shared


def _rates(shared: dict[str, Any], is_first: bool, is_last: bool) -> dict[str, float]:
    """Up at the very beginning and down at the very end, level between."""
    up = {} if is_first else {"warmup_share": 0.0}
    return up if is_last else {**up, "decay_share": 0.0}


def _merged(shared: dict[str, Any], phase: Phase) -> dict[str, Any]:
    """The phase's settings over the shared ones, section by section."""
    origin, own = f"phases.{phase.name}.pretrain", phase.pretrain
    if wrong := [name for name in own if name in _OF_ALL]:
        raise InputError(
            f"{origin}.{wrong[0]}: belongs to the training, not to one phase",
            f"give pretrain.{wrong[0]}",
        )
    if wrong := [name for name in own if name in _LENGTHS]:
        raise InputError(
            f"{origin}.{wrong[0]}: stands a level too deep", f"give phases.{phase.name}.{wrong[0]}"
        )
    if "objective" in own or "objectives" in own:  # settings of another one mean nothing to it
        shared = {k: v for k, v in shared.items() if k not in _OBJECTIVE}
    found = dict(shared)
    for name, value in own.items():
        before = found.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            value = {**before, **value}
        found[name] = value
    return found
