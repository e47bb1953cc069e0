"""The folder of an adaptation: one at a time, nobody else's, and gone on with where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import claim_output
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import versions, write_json
from mlm_pretrain.redaction import redacted_values
from mlm_pretrain.training.occupancy import leave, occupy, sign

# What may differ between two calls: no model depends on it, or what depends on it is looked at by itself.
_MAY_DIFFER = {"out", "variants", "seeds", "task", "train", "validation", "test", "finetune"}


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
        if overwrite or not places.record.is_file():
            claim_output(out, overwrite)
        else:
            _check_same(places.record, config)
        sign(out)
        said = {"config": config.model_dump(mode="json"), "versions": versions()}
        write_json(places.record, redacted_values(said))
        yield places
    finally:
        leave(out)


def _check_same(record: Path, config: AdaptConfig) -> None:
    now = redacted_values(config.model_dump(mode="json"))
    before = _read(record)["config"]
    changed = [
        f"{name}: {before.get(name)} → {now[name]}"
        for name in now
        if name not in _MAY_DIFFER and before.get(name) != now[name]
    ]
    if changed:
        raise InputError(
            f"{record.parent}: holds an adaptation with other settings ({'; '.join(changed)})",
            "give these, choose another --out, or pass --overwrite to begin again",
        )


def _read(record: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return {"config": dict(found["config"])}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{record}: damaged", "choose another --out, or --overwrite") from None
