"""A recipe: the whole way from a corpus to a pretrained model, as one file of settings.

Stages meet on disk. A stage whose folder is there, complete and made from the same settings is used
as it is; so a recipe that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mlm_pretrain.cli.output import is_first_process
from mlm_pretrain.cli.recipe_phases import Preparation, RecipePhase, preparations
from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions, fingerprint_corpus
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.made import is_made
from mlm_pretrain.packing import PrepareConfig, is_prepared, prepare
from mlm_pretrain.training.phases import Phase, is_phased, plan_phases, pretrain_phases
from mlm_pretrain.training.phases.config import resolve
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.run_folder import RUN_FILE
from tokenizer_training import TokenizerConfig, train_tokenizer
from tokenizer_training.train import STAGE as TOKENIZER_STAGE


class TokenizerSection(StrictConfig):
    """Train one (`algorithm`, `vocab_size`), or take one that exists (`use`: folder or Hub name)."""

    use: str | None = None
    algorithm: Literal["wordpiece", "bpe", "byte-bpe", "unigram"] = "wordpiece"
    vocab_size: int = Field(8192, ge=16)
    settings: TokenizerConfig = TokenizerConfig()


class Recipe(StrictConfig):
    """Sections of a recipe.

    Attributes:
        folder: everything is written under it: tokenizer/, data/, run/, model/.
        corpus: files, folders, globs or named sources.
        read: how they are read, for the tokenizer and the preparation alike.
        tokenizer, prepare, pretrain: settings of the stages; `pretrain.data` given skips the first two.
        phases: parts of the pretraining, one after the other, with what each has in place of `prepare` and
            `pretrain`. Their data lies in data/LENGTH, their runs in run/NUMBER-NAME.
    """

    folder: str
    corpus: list[str] = Field(default_factory=list)
    read: ReadOptions = ReadOptions()
    tokenizer: TokenizerSection = TokenizerSection()
    prepare: PrepareConfig = PrepareConfig()
    pretrain: PretrainConfig = PretrainConfig()
    phases: list[RecipePhase] = Field(default_factory=list)

    @model_validator(mode="after")
    def _reads_alike(self) -> Recipe:
        given = {
            "prepare.read": "read" in self.prepare.model_fields_set,
            "tokenizer.settings.reading": "reading" in self.tokenizer.settings.model_fields_set,
        }
        if names := [name for name, is_given in given.items() if is_given]:
            raise ValueError(f"{names[0]} would do nothing here: give `read:` at the top level")
        return self

    @model_validator(mode="after")
    def _phases_fit(self) -> Recipe:
        if self.phases:  # each is built from these and its own, which must be possible
            resolve(self.pretrain, self.phases)
            _ = self.preparations
        return self

    @property
    def preparations(self) -> list[Preparation | None]:
        """What is trained on, of each phase where there are several; None for data that exists."""
        if self.phases:
            return preparations(self.phases, self.prepare, self.paths["data"], self.pretrain.data)
        return [None if self.pretrain.data else Preparation(self.paths["data"], self.prepare)]

    @property
    def paths(self) -> dict[str, Path]:
        root = Path(self.folder)
        return {name: root / name for name in ("tokenizer", "data", "run", "model")}


def resolved_pretrain(recipe: Recipe) -> PretrainConfig:
    """The pretraining settings with the recipe's own folders filled in."""
    data = recipe.pretrain.data or str(recipe.paths["data"])
    out = recipe.pretrain.out or str(recipe.paths["run"])
    return recipe.pretrain.model_copy(update={"data": data, "out": out})


def resolved_phases(recipe: Recipe) -> tuple[PretrainConfig, list[Phase]]:
    """What all phases share, and each with its own data, with the recipe's own folders filled in."""
    filled: list[Phase] = []
    for phase, made in zip(recipe.phases, recipe.preparations, strict=True):
        own = {} if made is None else {"data": str(made.folder)}
        filled.append(phase.model_copy(update={"pretrain": {**own, **phase.pretrain}}))
    out = recipe.pretrain.out or str(recipe.paths["run"])
    return recipe.pretrain.model_copy(update={"out": out}), filled


def run_recipe(
    recipe: Recipe, *, overwrite: bool = False, resume: bool = False, weights_only: bool = False
) -> dict[str, Any]:
    """Run every stage that is not done yet, and export the model.

    Returns:
        The result of `pretrain` or `pretrain_phases`, with `model_folder`.
    """
    prepare_materials(recipe, overwrite)
    out = Path(resolved_pretrain(recipe).out)
    resume = resume or (_is_started(out) and not overwrite)
    result = train(recipe, overwrite=overwrite, resume=resume, weights_only=weights_only)
    if not is_first_process():
        return result
    exported = export(out, recipe.paths["model"], overwrite=True)
    return {**result, "model_folder": exported["out"]}


def train(
    recipe: Recipe, *, overwrite: bool = False, resume: bool = False, weights_only: bool = False
) -> dict[str, Any]:
    """The pretraining of a recipe whose data is there, in one run or in phases."""
    if recipe.phases:
        config, phases = resolved_phases(recipe)
        return pretrain_phases(
            config, phases, overwrite=overwrite, resume=resume, weights_only=weights_only
        )
    return pretrain(
        resolved_pretrain(recipe), overwrite=overwrite, resume=resume, weights_only=weights_only
    )


def plan_training(recipe: Recipe) -> dict[str, Any]:
    """What `train` would do, in numbers."""
    if recipe.phases:
        return plan_phases(*resolved_phases(recipe))
    return plan(resolved_pretrain(recipe))


def prepare_materials(recipe: Recipe, overwrite: bool = False) -> None:
    """Tokenizer and packed data, unless the recipe names data that exists or they are done."""
    wanted = {made.folder: made.config for made in recipe.preparations if made is not None}
    if not wanted:
        return
    if not recipe.corpus:
        raise InputError("the recipe names no corpus", "give `corpus:` a list of files or sources")
    tokenizer = _tokenizer(recipe, overwrite)
    for folder, config in wanted.items():
        _prepare(recipe, tokenizer, folder, config, overwrite)


def _prepare(
    recipe: Recipe, tokenizer: str, folder: Path, config: PrepareConfig, overwrite: bool
) -> None:
    config = config.model_copy(update={"read": recipe.read})
    if overwrite or not is_prepared(recipe.corpus, tokenizer, folder, config):
        _refuse_several_processes()
        prepare(recipe.corpus, tokenizer, folder, config, overwrite=True)


def _tokenizer(recipe: Recipe, overwrite: bool) -> str:
    section, folder = recipe.tokenizer, recipe.paths["tokenizer"]
    if section.use is not None:
        return section.use
    config = section.settings.model_copy(update={"reading": recipe.read})
    algorithm, size = section.algorithm, section.vocab_size
    settings = {"algorithm": algorithm, "vocab_size": size, **config.model_dump(mode="json")}
    inputs = {"corpus": _fingerprint(recipe.corpus, recipe)}
    if overwrite or not is_made(folder, TOKENIZER_STAGE, settings, inputs):
        _refuse_several_processes()
        train_tokenizer(recipe.corpus, algorithm, size, folder, config, overwrite=True)
    return str(folder)


def _fingerprint(corpus: list[str], recipe: Recipe) -> str:
    return str(fingerprint_corpus(corpus, recipe.read)["xxh3_128"])


def _refuse_several_processes() -> None:
    if process_count() > 1:
        raise InputError(
            "the recipe's data is not prepared yet, which is work for one process",
            "run it with --dry-run in one process first, then start several",
        )


def _is_started(run: Path) -> bool:
    return (run / RUN_FILE).is_file() or is_phased(run)
