"""The folder of a search: what it was begun with, and a record for each trial that came to an end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlm_pretrain.claiming import SEARCH_FILE, claim_output
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_json

RECORD = "record.json"
_TRIALS = "trials"
_SHOWN = 3  # differences in a message


@dataclass(frozen=True)
class Trial:
    """One trial that came to an end.

    Attributes:
        settings: what it set over the settings given; nothing for the first.
        values: its place in the space.
        score: mean on validation over `scores`, one a seed; None unless complete.
        reports: best validation score of the first seed up to each tenth of the training.
        seconds: of all seeds.
        reason: why it failed or was ended.
    """

    number: int
    settings: dict[str, Any]
    values: dict[str, Any]
    state: Literal["complete", "pruned", "failed"]
    score: float | None = None
    scores: list[float] = field(default_factory=list)
    reports: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""


def folder_of(out: Path, number: int) -> Path:
    """Where trial `number` lies."""
    return out / _TRIALS / f"{number:03d}"


def write_trial(out: Path, trial: Trial) -> None:
    """Its record, whole or not at all."""
    folder = folder_of(out, trial.number)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RECORD, asdict(trial))


def read_trials(out: Path) -> dict[int, Trial]:
    """Trials with a record, by number.

    Raises:
        InputError: for a record that is damaged.
    """
    found = [_read(path) for path in sorted((out / _TRIALS).glob(f"*/{RECORD}"))]
    return {trial.number: trial for trial in found}


def _read(path: Path) -> Trial:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        reports = {int(tenth): score for tenth, score in values.pop("reports").items()}
        return Trial(**values, reports=reports)
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"{path}: not the record of a trial", "delete it: the trial is then run again"
        ) from None


def begun_with(out: Path) -> dict[str, Any] | None:
    """What a search in `out` was begun with, or None where there is none."""
    try:
        plan: dict[str, Any] = json.loads((out / SEARCH_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise InputError(f"{out / SEARCH_FILE}: damaged", "choose another --out") from None
    return plan


def check_same(out: Path, plan: dict[str, Any]) -> None:
    """Refuse to go on with trials that would not be comparable.

    Raises:
        InputError: naming what differs from what the search was begun with.
    """
    begun = begun_with(out)
    # As it reads once written: tuples are lists then.
    now = dict(_leaves(json.loads(json.dumps(plan))))
    before = dict(_leaves(begun)) if begun is not None else now
    changed = [
        f"{name}: {_shown(before, name)} → {_shown(now, name)}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
    if changed:
        more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise InputError(
            f"{out}: the search there was begun with something else "
            f"({'; '.join(changed[:_SHOWN])}{more})",
            "give what it was begun with, choose another --out, or pass --overwrite to begin anew",
        )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else key)


def _shown(values: dict[str, Any], name: str) -> str:
    return str(values[name]) if name in values else "not there"


def open_folder(out: Path, plan: dict[str, Any], overwrite: bool) -> None:
    """Begin in an empty folder, or go on in one that was begun with the same.

    Raises:
        InputError: for a folder of something else, or of another search, unless `overwrite`.
    """
    if not overwrite and begun_with(out) is not None:
        check_same(out, plan)
        return
    aside = out / f"{SEARCH_FILE}.partial"  # all there is of a search killed as it began
    if aside.is_file():
        aside.unlink()
    claim_output(out, overwrite)
    write_json(out / SEARCH_FILE, plan)
