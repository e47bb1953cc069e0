"""What is learnt, by the settings: an objective or several, each with its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.config import build_config
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.together import TogetherConfig, together
from mlm_pretrain.training.heads import GENERATOR_FOLDER
from mlm_pretrain.training.pretrain_config import PretrainConfig

_SETTINGS = "objective_settings"


def objective_of(config: PretrainConfig) -> Objective:
    """What is learnt, one objective or several."""
    return (
        together(objective_config_of(config)) if config.objectives else OBJECTIVES[config.objective]
    )


def objective_config_of(config: PretrainConfig) -> Any:
    """The objective's settings, of all parts where there are several."""
    if not config.objectives:
        return _settings_of(config, config.objective, config.objective_settings, _SETTINGS)
    parts = []
    for part in config.objectives:
        found = _settings_of(config, part.name, part.settings, f"settings of {part.name}")
        parts.append(part.model_copy(update={"settings": found.model_dump()}))
    return TogetherConfig(parts=parts, together=config.together, balance=config.balance)


def _settings_of(config: PretrainConfig, name: str, settings: dict[str, Any], origin: str) -> Any:
    """One objective's settings: how it masks is said in one place for all that mask."""
    objective, given = OBJECTIVES[name], dict(settings)
    if objective.config is MaskedConfig:
        return build_config(MaskedConfig, {**config.masking.model_dump(), **given}, origin)
    if "masking" in objective.config.model_fields:
        given.setdefault("masking", config.masking.model_dump())
    beside = Path(config.init or "") / GENERATOR_FOLDER  # of a run that was exported
    if "generator" in objective.config.model_fields and config.init and beside.is_dir():
        given.setdefault("generator", str(beside))
    return build_config(objective.config, given, origin)
