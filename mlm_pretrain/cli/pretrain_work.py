"""What `mlm-pretrain pretrain` is asked to do: by a recipe, by flags alone, or by the record of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_LENGTHS = ("steps", "epochs", "minutes")


class Beginning(NamedTuple):
    """Anew, over an old run, or from where one was stopped."""

    overwrite: bool
    resume: bool
    weights_only: bool

    def check(self) -> None:
        """Refuse flags that contradict each other."""
        from mlm_pretrain.errors import InputError

        if self.weights_only and not self.resume:
            raise InputError("--weights-only: says how to resume", "give it together with --resume")
        if self.resume and self.overwrite:
            raise InputError("--resume and --overwrite contradict each other", "give one of them")


class Work(NamedTuple):
    """A pretraining: what it would be in numbers, and itself."""

    plan: Callable[[], dict[str, Any]]
    train: Callable[[Beginning], dict[str, Any]]


def find_work(
    config: Path | None,
    settings: list[str],
    given: dict[str, Any],
    resume: bool,
) -> Work:
    """The pretraining that a recipe, `--set` and flags describe, or the record of what `--resume` names.

    Raises:
        InputError: naming a setting that is unknown, wrong or missing.
    """
    from mlm_pretrain.training.phases import is_phased

    is_old = resume and config is None and "out" in given
    if is_old and is_phased(given["out"]):
        return _recorded_phases(settings, given)
    before = _settings_of_run(given["out"]) if is_old else {}
    recipe = _read(config, settings, given, before)
    if config is None and not recipe.phases:
        _require_folders(recipe.pretrain)
    return _whole(recipe) if config is not None else _training(recipe)


def _whole(recipe: Any) -> Work:
    """All of a recipe, from the corpus to the exported model."""
    from mlm_pretrain.cli import recipe as recipes

    def plan() -> dict[str, Any]:
        recipes.prepare_materials(recipe)  # the plan counts rows, so they must be there
        return recipes.plan_training(recipe)

    return Work(plan, lambda beginning: recipes.run_recipe(recipe, **beginning._asdict()))


def _training(recipe: Any) -> Work:
    """The pretraining alone, on data that exists."""
    from mlm_pretrain.cli import recipe as recipes

    return Work(
        lambda: recipes.plan_training(recipe),
        lambda beginning: recipes.train(recipe, **beginning._asdict()),
    )


def _recorded_phases(settings: list[str], given: dict[str, Any]) -> Work:
    """The phases in `--out` as their record has them, but for what is given now for all of them."""
    from mlm_pretrain.config import overridden
    from mlm_pretrain.training import phases

    out = given["out"]
    values = _with_flags(overridden({}, settings), given)
    changes = {name: value for name, value in values["pretrain"].items() if name != "out"}
    return Work(
        lambda: phases.plan_all(phases.recorded_phases(out, changes)),
        lambda beginning: phases.resume_phases(out, changes, beginning.weights_only),
    )


def _read(
    config: Path | None,
    settings: list[str],
    given: dict[str, Any],
    before: dict[str, Any],
) -> Any:
    """A recipe from file, --set and flags; without a file, from the settings `before` a resume."""
    from mlm_pretrain.cli.recipe import Recipe
    from mlm_pretrain.config import build_config, overridden, read_yaml

    flags = {"folder": given.get("out", "run"), "pretrain": before}
    values = overridden(read_yaml(config) if config is not None else flags, settings)
    return build_config(Recipe, _with_flags(values, given), str(config or "flags"))


def _with_flags(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Flags in the section "pretrain", before what stands there; of a section in it, those that are given."""
    section = values.get("pretrain") or {}
    if isinstance(section, dict):
        if any(name in given for name in _LENGTHS):
            section = {k: v for k, v in section.items() if k not in _LENGTHS}
        merged = {
            name: {**(section.get(name) or {}), **value} if isinstance(value, dict) else value
            for name, value in given.items()
        }
        section = {**section, **merged}
    return {**values, "pretrain": section}


def _settings_of_run(out: str) -> dict[str, Any]:
    from mlm_pretrain.training.run_folder import read_run

    return {k: v for k, v in read_run(out)["config"].items() if v is not None}


def _require_folders(config: Any) -> None:
    from mlm_pretrain.errors import InputError

    missing = [f"--{name}" for name in ("data", "out") if not getattr(config, name)]
    if missing:
        raise InputError(
            f"missing {' and '.join(missing)}",
            "give --data and --out, or --config with a recipe (see recipes/)",
        )
