"""Folders from the root on, so that a run can be resumed from another folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.training.pretrain_config import PretrainConfig

_PLAIN = ("data", "init", "follows")
_IN_SECTIONS = {"curriculum": "target", "replay": "data", "guard": "data"}


def with_whole_paths(config: PretrainConfig) -> PretrainConfig:
    """Data and checkpoints from the root on, as far as they exist; a Hub name stays as it is."""
    found: dict[str, Any] = {name: whole_path(getattr(config, name)) for name in _PLAIN}
    for name, field in _IN_SECTIONS.items():
        section = getattr(config, name)
        if section is not None:
            update = {field: whole_path(getattr(section, field))}
            found[name] = section.model_copy(update=update)
    if config.probes is not None:
        found["probes"] = config.probes.model_copy(update=config.probes.paths())
    return config.model_copy(update=found)


def whole_path(path: str | None) -> str | None:
    """From the root on where it exists."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path
