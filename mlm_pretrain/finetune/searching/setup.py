"""A search whose settings and data have been checked, and what it compares by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.kinds import TASKS
from mlm_pretrain.finetune.outputs import describe_inputs
from mlm_pretrain.finetune.preparing import pinned
from mlm_pretrain.finetune.run import plan as plan_finetune
from mlm_pretrain.finetune.searching.records import check_same
from mlm_pretrain.finetune.searching.sampling import library
from mlm_pretrain.finetune.searching.space import (
    Space,
    default_space,
    described,
    parse_space,
    read_space,
)
from mlm_pretrain.manifest import versions
from mlm_pretrain.precision import resolve_precision

TRIAL_INPUTS = ("model", "train", "validation")  # never the test file
SpaceLike: TypeAlias = "str | Path | Mapping[str, Any]"


@dataclass(frozen=True)
class Setup:
    """A search whose settings and data have been checked. `facts` are `plan`'s of the first trial."""

    kind: str
    config: FinetuneConfig
    space: Space
    facts: dict[str, Any]
    seeds: int
    plan: dict[str, Any]

    @property
    def out(self) -> Path:
        return Path(self.config.out)

    @property
    def metric(self) -> str:
        return str(self.facts["best_by"])

    def config_of(self, settings: dict[str, Any]) -> FinetuneConfig:
        """Those given, under `settings`.

        Raises:
            InputError: for settings that do not go together.
        """
        return build_config(FinetuneConfig, {**self.config.model_dump(), **settings}, "a trial")

    def check_unchanged(self) -> None:
        """Refuse to compare trials of other data, or of another model."""
        check_same(self.out, {**self.plan, "inputs": describe_inputs(self.config, TRIAL_INPUTS)})


def prepared(kind: str, config: FinetuneConfig, space: SpaceLike | None, seeds: int) -> Setup:
    """All that can be checked before the first trial.

    Raises:
        InputError: for a model, data (the test file too), settings or a space that cannot be used; when
            optuna is not installed.
    """
    optuna = library()
    if config.keep == "last":
        raise InputError(
            "keep: last scores no epoch before the end, and by these hopeless trials are ended early",
            "leave keep out of a search, and set it when the winner is trained again",
        )
    config = pinned(config)
    facts = plan_finetune(kind, config)  # all checks, also of the test file
    writes = TASKS[kind].writes
    if space is None:
        parts = default_space(config, facts, writes=writes)
    elif isinstance(space, Mapping):
        parts = parse_space(space, config, "space", writes=writes)
    else:
        parts = read_space(space, config, writes=writes)
    shared = config.model_dump(mode="json", exclude={"out", "test", "save_model"})
    plan = {
        "task": kind, "settings": shared, "seeds": seeds, "space": described(parts),
        "inputs": describe_inputs(config, TRIAL_INPUTS),
        "precision": resolve_precision(config.precision),
        "versions": {**versions(), "optuna": optuna.__version__},
    }  # fmt: skip
    return Setup(kind, config, parts, facts, seeds, plan)
