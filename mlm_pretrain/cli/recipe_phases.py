"""The phases of a recipe: what each trains on, prepared once for all that train on the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PrepareConfig
from mlm_pretrain.training.phases import Phase

# Text that one phase keeps for validation must not be trained on in another.
_SPLIT = ("validation_share", "validation_corpus", "seed")
_OF_ALL = ("read", "tokenizer_revision")


class RecipePhase(Phase):
    """A phase with data of its own: `prepare` has settings in place of those that all phases share."""

    prepare: dict[str, Any] = Field(default_factory=dict)


class Preparation(NamedTuple):
    """Where prepared data lies, and how it is made."""

    folder: Path
    config: PrepareConfig


def preparations(
    phases: Sequence[RecipePhase], shared: PrepareConfig, root: Path, data: str = ""
) -> list[Preparation | None]:
    """What each phase trains on; None where it names data that exists.

    Args:
        root: folder that all data lies in.
        data: what phases train on that do not prepare their own, where it exists already.

    Folders are called by their length, and where two lengths are alike but not the rest, by a phase too.

    Raises:
        InputError: naming a setting that is no phase's own.
    """
    made: list[Preparation] = []
    found: list[Preparation | None] = []
    for phase in phases:
        config = _merged(phase, shared)
        if "data" in phase.pretrain or (data and not phase.prepare):
            _require_nothing_to_prepare(phase)
            found.append(None)
            continue
        known = next((one for one in made if one.config == config), None)
        if known is None:
            known = Preparation(_free_folder(root, config, phase, made), config)
            made.append(known)
        found.append(known)
    return found


def _merged(phase: RecipePhase, shared: PrepareConfig) -> PrepareConfig:
    origin = f"phases.{phase.name}.prepare"
    for name in phase.prepare:
        if name in (*_SPLIT, *_OF_ALL):
            why = " (or a text kept for validation would be trained on)" if name in _SPLIT else ""
            raise InputError(
                f"{origin}.{name}: must be the same for all phases{why}", f"give prepare.{name}"
            )
    values = {**shared.model_dump(exclude_unset=True), **phase.prepare}
    return build_config(PrepareConfig, values, origin)


def _require_nothing_to_prepare(phase: RecipePhase) -> None:
    if phase.prepare:
        raise InputError(
            f"phases.{phase.name}.prepare: would do nothing, since the phase names its data",
            "leave out one of prepare and pretrain.data",
        )


def _free_folder(
    root: Path, config: PrepareConfig, phase: Phase, made: Sequence[Preparation]
) -> Path:
    folder = root / str(config.max_length)
    is_taken = any(one.folder == folder for one in made)
    return root / f"{config.max_length}-{phase.name}" if is_taken else folder
