"""The folder of an adaptation: one at a time, nobody else's, and gone on with where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import (
    check_output,
    claim_output,
    clear_false_start,
    clear_unfinished,
    make_writable,
    telling_of_a_full_disk,
)
from mlm_pretrain.domain.config import ROW_LENGTH
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import versions, write_json
from mlm_pretrain.packing import PrepareConfig
from mlm_pretrain.redaction import redacted_values
from mlm_pretrain.training.occupancy import leave, occupy, sign
from mlm_pretrain.training.run_changes import HARMLESS

# What may differ between two calls: no model depends on it, or what depends on it is looked at by itself.
_MAY_DIFFER = {
    "out", "variants", "seeds", "examples", "task", "train", "validation", "test", "finetune",
}  # fmt: skip
_LENGTH = "prepare.max_length"  # where it is not given, that of the checkpoint decides
_COMMIT = "commit"
_MORE_SPACE = "free some space; the same command, without --overwrite, goes on from there"


def check_folder(config: AdaptConfig, overwrite: bool) -> None:
    """Refuse a folder that the adaptation cannot have; nothing is touched, and no checkpoint needed.

    Raises:
        InputError: when it holds what this package did not write, or an adaptation with other settings, and
            when it cannot be written.
    """
    places = Places(Path(config.out))
    if overwrite or not places.record.is_file():
        check_output(places.root, overwrite)
        return
    make_writable(places.root)
    if places.runs.is_dir():
        is_open = "max_length" not in config.said().get("prepare", {})
        _check_same(places.record, config, [_LENGTH] if is_open else [])


def recorded_commit(config: AdaptConfig) -> str | None:
    """Of the checkpoint that an adaptation in this folder began with, where `config` names the same one."""
    record = Places(Path(config.out)).record
    if not record.is_file():
        return None
    found, now = _read(record), _said(config)
    is_same = all(found["given"].get(name) == now.get(name) for name in ("model", "revision"))
    return found.get(_COMMIT) if is_same else None


@contextmanager
def opened(config: AdaptConfig, overwrite: bool, commit: str | None = None) -> Iterator[Places]:
    """The folder, for as long as this process is at work there.

    Args:
        commit: of a checkpoint of the Hub; calls that go on keep to it, whatever is pushed there.

    Raises:
        InputError: when another process is, when it holds what this package did not write, or an
            adaptation with other settings; and for a disk that fills up meanwhile.
    """
    out = Path(config.out)
    occupy(out)
    try:
        with telling_of_a_full_disk(out, _MORE_SPACE):
            places = Places(out)
            _claim(places, config, overwrite)
            sign(out)
            for folder in (places.root, places.data("general").parent):
                clear_unfinished(folder)
            known = {"given": _said(config), _COMMIT: commit, "versions": versions()}
            write_json(places.record, known)
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


def _check_same(record: Path, config: AdaptConfig, left_out: Sequence[str] = ()) -> None:
    now, before = _by_name(_said(config)), _by_name(_read(record)["given"])
    names = [n for n in {**before, **now} if n not in left_out and not _may_differ(n)]
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


def _may_differ(name: str) -> bool:
    """Whether nothing that was made depends on a setting, such as pretrain.workers."""
    section, _, rest = name.partition(".")
    return section in _MAY_DIFFER or (section == "pretrain" and rest.partition(".")[0] in HARMLESS)


def _said(config: AdaptConfig) -> dict[str, Any]:
    """The settings that are not the defaults."""
    found: dict[str, Any] = redacted_values(config.said())
    return found


def _by_name(given: dict[str, Any]) -> dict[str, Any]:
    """Settings by `section.name`, the length of rows also where it is the default, of which there are two."""
    prepare = given.get("prepare", {"max_length": ROW_LENGTH})
    return _flat({**given, "prepare": {"max_length": PrepareConfig().max_length, **prepare}})


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
        return {**found, "given": dict(found["given"])}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{record}: damaged", "choose another --out, or --overwrite") from None
