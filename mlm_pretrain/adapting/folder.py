"""The folder of an adaptation: one at a time, nobody else's, and gone on with where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import claim_output, clear_false_start, clear_unfinished
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import versions, write_json
from mlm_pretrain.redaction import redacted_values
from mlm_pretrain.training.occupancy import leave, occupy, sign

# What may differ between two calls: no model depends on it, or what depends on it is looked at by itself.
_MAY_DIFFER = {
    "out", "variants", "seeds", "examples", "task", "train", "validation", "test", "finetune",
}  # fmt: skip


@contextmanager
def opened(config: AdaptConfig, overwrite: bool) -> Iterator[Places]:
    """The folder, for as long as this process is at work there.

    Raises:
        InputError: when another process is, when it holds what this package did not write, or an
            adaptation with other settings.
    """
    out = Path(config.out)
    occupy(out)
    try:
        places = Places(out)
        _claim(places, config, overwrite)
        sign(out)
        for folder in (places.root, places.data("general").parent):
            clear_unfinished(folder)
        write_json(places.record, {"given": _said(config), "versions": versions()})
        yield places
    finally:
        leave(out)


def _claim(places: Places, config: AdaptConfig, overwrite: bool) -> None:
    """Until something is trained, settings may change: what was measured is measured anew where need be."""
    if overwrite or not places.record.is_file():
        clear_false_start(places.root)
        claim_output(places.root, overwrite)
    elif places.runs.is_dir():
        _check_same(places.record, config)


def _check_same(record: Path, config: AdaptConfig) -> None:
    now, before = _flat(_said(config)), _flat(_read(record))
    names = [name for name in {**before, **now} if name.partition(".")[0] not in _MAY_DIFFER]
    changed = [
        f"{name}: {before.get(name, 'left out')} → {now.get(name, 'left out')}"
        for name in names
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise InputError(
            f"{record.parent}: holds an adaptation with other settings ({'; '.join(changed)})",
            "give these, choose another --out, or pass --overwrite to begin again",
        )


def _said(config: AdaptConfig) -> dict[str, Any]:
    """The settings that are not the defaults."""
    found: dict[str, Any] = redacted_values(config.model_dump(mode="json", exclude_defaults=True))
    return found


def _flat(settings: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Settings by `section.name`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        nested = _flat(value, f"{above}{name}.") if isinstance(value, dict) else None
        found |= {f"{above}{name}": value} if nested is None else nested
    return found


def _read(record: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return dict(found["given"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{record}: damaged", "choose another --out, or --overwrite") from None
