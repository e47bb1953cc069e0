"""Strict, typed settings: an unknown key or a wrong type is an error that names the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mlm_pretrain.errors import InputError

# Of YAML 1.1, in which a list of labels may well be read so.
UNQUOTED = "yes, no, on and off are true and false unless they are in quotes"


class StrictConfig(BaseModel):
    """Base of every config: no unknown keys, no silent conversion of text to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True)


def require_known(name: str, known: Iterable[str], what: str) -> str:
    """`name`, for a field's validator, where it is one of the known ones."""
    if name not in known:
        raise ValueError(f"no such {what}; known: {', '.join(known)}")
    return name


Config = TypeVar("Config", bound=StrictConfig)


def build_config(cls: type[Config], values: dict[str, Any], origin: str) -> Config:
    """Validate `values` as `cls`.

    Raises:
        InputError: naming `origin`, the key, what was wrong and the nearest valid name.
    """
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        lines = [_explain(cls, detail) for detail in error.errors()]
        raise InputError(
            f"{origin}: " + "; ".join(lines), "correct the setting and run again"
        ) from None


def load_config(cls: type[Config], path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file into `cls`, with `key=value` overrides (dots reach into sections)."""
    return build_config(cls, overridden(read_yaml(path), overrides), str(path))


def overridden(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`values`, with `key=value` overrides applied in place."""
    for item in overrides:
        set_value(values, item)
    return values


def require_given(values: dict[str, Any], names: Sequence[str]) -> None:
    """Refuse settings that lack one of those a verb cannot do without, naming its flags."""
    if missing := [name for name in names if not values.get(name)]:
        needed = " ".join(f"--{name} …" for name in missing)
        raise InputError(f"not given: {', '.join(missing)}", f"add {needed}, or --config")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such config file", "see recipes/ for configs to copy"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected `key: value` lines at the top level")
    return values


def set_value(values: dict[str, Any], item: str) -> None:
    """Apply one `section.key=value` override in place; the value is read as YAML.

    In a list of sections that have names, `list.NAME.key` is the one called so.
    """
    key, separator, text = item.partition("=")
    if not separator or not key:
        raise InputError(
            f"--set {item}: expected key=value", "for example --set pretrain.steps=100"
        )
    *sections, last = key.split(".")
    place: Any = values
    for section in sections:
        place = _section(place, section, item)
    if isinstance(place, list):
        raise InputError(
            f"--set {item}: '{sections[-1]}' is a list, not a section",
            f"say which part of it: {'.'.join(sections)}.NAME.{last}={text}",
        )
    try:
        place[last] = _read_scalar(text)
    except yaml.YAMLError:
        raise InputError(f"--set {item}: the value is not valid YAML", "quote it") from None


def _section(values: Any, name: str, item: str) -> Any:
    """The section or list called `name`, made where there is none."""
    if isinstance(values, list):
        named = {str(part.get("name")): part for part in values if isinstance(part, dict)}
        if name not in named:
            raise InputError(
                f"--set {item}: no '{name}' in this list", f"it has {', '.join(named)}"
            )
        return named[name]
    if values.get(name) is None:  # left out, or switched off: `section: null`
        values[name] = {}
    if not isinstance(values[name], dict | list):
        raise InputError(f"--set {item}: '{name}' is a value, not a section")
    return values[name]


def _read_scalar(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str) and value == text.strip():  # and not in quotes
        try:  # YAML 1.1 reads 1e-4 as text; on a command line nobody means that.
            return float(value)
        except ValueError:
            return value
    return value


def _explain(cls: type[BaseModel], detail: Any) -> str:
    path = [str(part) for part in detail["loc"]]
    name = ".".join(path)
    if detail["type"] == "extra_forbidden":
        known = _fields_at(cls, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        listed = f"known: {', '.join(sorted(known))}" if known else "there are none to set here"
        hint = f"did you mean '{near[0]}'?" if near else listed
        return f"unknown setting '{name}' ({hint})"
    if detail["type"] == "value_error":  # a rule of ours over several settings
        return f"{name}: {detail['ctx']['error']}" if name else str(detail["ctx"]["error"])
    given = detail.get("input")
    if isinstance(given, str) and detail["type"] in (
        "float_type",
        "int_type",
        "float_parsing",
        "int_parsing",
    ):
        return f"'{name}' is the text '{given}', not a number (YAML needs 1.0e-4 for 1e-4)"
    hint = f"; {UNQUOTED}" if isinstance(given, bool) and "bool" not in detail["type"] else ""
    return f"'{name}': {detail['msg']} (got {given!r}{hint})"


def _fields_at(cls: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        if part.isdecimal():  # a place in a list
            continue
        field = cls.model_fields.get(part)
        inner = (
            next((t for t in _types_of(field.annotation) if _is_model(t)), None) if field else None
        )
        if inner is None:
            return []
        cls = inner
    return list(cls.model_fields)


def _types_of(annotation: Any) -> list[Any]:
    return [annotation, *getattr(annotation, "__args__", ())]


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)
