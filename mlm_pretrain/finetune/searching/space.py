"""What a search may vary: settings of a fine-tuning, and the values that are tried of each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

from mlm_pretrain.config import StrictConfig, build_config, read_yaml
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig

# What decides how well a model learns; data, seed and what is scored stay the same for all trials.
SEARCHABLE = (
    "learning_rate", "epochs", "steps", "batch_size", "accumulation", "warmup_share", "weight_decay",
    "dropout", "layer_decay", "embedding_rate", "max_gradient_norm", "patience", "adapt", "lora_rank",
    "class_weights", "max_length", "stride", "n_best", "max_answer_length", "null_threshold", "prefix",
    "max_target_length", "max_new_tokens", "num_beams", "length_penalty", "no_repeat_ngram_size",
)  # fmt: skip
_ENCODERS_ONLY = ("layer_decay", "adapt", "lora_rank", "class_weights")
_RATE_FACTOR = 5  # the rules' rate suits a width, not a task: five times less and more are tried
_LAYER_DECAYS = (0.7, 0.8, 0.9, 1.0)
_DROPOUTS = (None, 0.0, 0.1, 0.2)  # None: the model's own
_FORMS = "write a list of values, or {low: …, high: …, log: true}"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, whole ones where both are; evenly in the logarithm with `log`."""

    low: float
    high: float
    log: bool = False

    def places_of(self, value: Any) -> list[Any]:
        """`value` where it lies inside, else nothing."""
        return [value] if isinstance(value, int | float) and self.low <= value <= self.high else []


@dataclass(frozen=True)
class Choices:
    """Any of some values, in no order."""

    values: tuple[Any, ...]

    def places_of(self, value: Any) -> list[Any]:
        """`value` as it is written here, else nothing."""
        return [known for known in self.values if known == value][:1]


Space: TypeAlias = dict[str, Range | Choices]


class _RangeSettings(StrictConfig):
    low: float
    high: float
    log: bool = False


def default_space(config: FinetuneConfig, facts: Mapping[str, Any], *, writes: bool) -> Space:
    """What is varied unless somebody says otherwise: around the rules' own choices.

    What `config` was given stays as it is. `facts` are those of `plan` for the same settings.

    Raises:
        InputError: when everything was given.
    """
    rate, epochs = facts["learning_rate"], round(facts["epochs"])
    sizes = {8, 16, 32, config.batch_size}
    fitting = [size for size in sorted(sizes) if size * config.accumulation <= facts["train_rows"]]
    space: Space = {
        "learning_rate": Range(rate / _RATE_FACTOR, rate * _RATE_FACTOR, log=True),
        "batch_size": Choices(tuple(fitting)),
        "warmup_share": Range(0.0, 0.3),
        "weight_decay": Range(1e-3, 0.1, log=True),
        "dropout": Choices(_DROPOUTS),
    }
    if config.steps is None:
        space["epochs"] = Choices(tuple(sorted({max(1, epochs // 2), epochs, 2 * epochs})))
    if not writes and config.adapt == "full":
        space["layer_decay"] = Choices(_LAYER_DECAYS)
    left = {name: part for name, part in space.items() if name not in config.model_fields_set}
    if not left:
        raise InputError(
            f"nothing to search: {', '.join(space)} are all set", "leave some out, or give --space"
        )
    return left


def read_space(path: str | Path, config: FinetuneConfig, *, writes: bool) -> Space:
    """The space in a YAML file: `batch_size: [8, 16]`, `learning_rate: {low: 1e-5, high: 1e-3, log: true}`.

    Raises:
        InputError: as `parse_space`; for a file that cannot be read.
    """
    return parse_space(read_yaml(path), config, str(path), writes=writes)


def parse_space(
    values: Mapping[str, Any], config: FinetuneConfig, origin: str, *, writes: bool
) -> Space:
    """The space that `values` describe, each value checked as a setting of `FinetuneConfig`.

    Raises:
        InputError: naming `origin`, the setting and what is wrong with it.
    """
    if not values:
        raise InputError(f"{origin}: nothing to search", "for example batch_size: [8, 16, 32]")
    for name in values:
        _check_name(name, origin, writes)
    if "steps" in values and ("epochs" in values or config.epochs is not None):
        raise InputError(f"{origin}: steps: epochs are set as well", "leave one of them out")
    if "epochs" in values and config.steps is not None:
        raise InputError(f"{origin}: epochs: steps are set as well", "leave one of them out")
    return {name: _parse(name, given, config, origin) for name, given in values.items()}


def described(space: Space) -> dict[str, Any]:
    """As `parse_space` reads it."""
    return {
        name: list(part.values)
        if isinstance(part, Choices)
        else {"low": part.low, "high": part.high, "log": part.log}
        for name, part in space.items()
    }


def default_values(
    space: Space, config: FinetuneConfig, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Where in the space a run without a change lies; without settings that lie outside of theirs."""
    found: dict[str, Any] = {}
    for name, part in space.items():
        value = getattr(config, name)
        own = isinstance(part, Choices) and None in part.values
        places = part.places_of(facts.get(name) if value is None and not own else value)
        found.update((name, place) for place in places)
    return found


def _check_name(name: str, origin: str, writes: bool) -> None:
    can = f"what can: {', '.join(SEARCHABLE)}"
    if name not in FinetuneConfig.model_fields:
        near = difflib.get_close_matches(str(name), SEARCHABLE, n=1, cutoff=0.5)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise InputError(f"{origin}: unknown setting '{name}'{hint}", can)
    if name not in SEARCHABLE:
        raise InputError(
            f"{origin}: {name}: cannot be searched, it is the same for all trials", can
        )
    if writes and name in _ENCODERS_ONLY:
        raise InputError(f"{origin}: {name}: is for encoders with a head", "leave it out")


def _parse(name: str, given: Any, config: FinetuneConfig, origin: str) -> Range | Choices:
    kind = _number_kind(name)
    if isinstance(given, dict):
        return _range(name, given, kind, config, origin)
    if not isinstance(given, list):
        raise InputError(f"{origin}: {name}: {given!r} is one value", _FORMS)
    values = [_number(value) if kind else value for value in given]
    if len({repr(value) for value in values}) < max(2, len(values)):
        raise InputError(
            f"{origin}: {name}: fewer than two different values, or one twice",
            "give two or more, each once; one value for all trials: --set",
        )
    for value in values:
        _check_value(name, value, config, origin)
    return Choices(tuple(values))


def _range(
    name: str, given: dict[str, Any], kind: type | None, config: FinetuneConfig, origin: str
) -> Range:
    if kind is None:
        raise InputError(f"{origin}: {name}: is not a number", "write a list of values")
    ends = {key: _number(value) for key, value in given.items()}
    found = build_config(_RangeSettings, ends, f"{origin}: {name}")
    if found.low >= found.high:
        raise InputError(
            f"{origin}: {name}: low {found.low:g} is not below high {found.high:g}", "swap them"
        )
    if found.log and found.low <= 0:
        raise InputError(
            f"{origin}: {name}: low {found.low:g} has no logarithm",
            "raise it above 0, or leave log out",
        )
    low, high = ((ends[key] if kind is int else float(ends[key])) for key in ("low", "high"))
    for value in (low, high):
        _check_value(name, value, config, origin)
    return Range(low, high, found.log)


def _number_kind(name: str) -> type | None:
    """int or float, for a setting that is one; None for others."""
    annotation = FinetuneConfig.model_fields[name].annotation
    kinds = get_args(annotation) or (annotation,)
    return next((kind for kind in (int, float) if kind in kinds), None)


def _number(value: Any) -> Any:
    """YAML reads 1e-5 as text; nobody means that of a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _check_value(name: str, value: Any, config: FinetuneConfig, origin: str) -> None:
    build_config(FinetuneConfig, {**config.model_dump(), name: value}, origin)
