"""Settings of an adaptation: a checkpoint, text of a domain, and the task that it is for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from mlm_pretrain.cards.examples import EXAMPLES
from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.domain.config import ROW_LENGTH
from mlm_pretrain.packing import PrepareConfig

DEFAULT_MINUTES = 30.0
_SPLITS = ("train", "validation", "test")
_OF_NEW_WORDS = ("new_rows_rate",)
# What an adaptation says of its runs itself.
_OURS = {
    "pretrain": (
        "data", "out", "name", "arch", "init", "revision", "follows", "optimizer_state", "start",
        "positions", "steps", "epochs", "minutes", "seed", "replay", "guard",
    ),
    "prepare": ("read", "validation_corpus", "tokenizer_revision"),
}  # fmt: skip


class AdaptConfig(StrictConfig):
    """What to adapt, to which text, for what, and how long.

    Attributes:
        model: the checkpoint: a folder or a Hub name, with or without a masked-LM head. `revision` pins a
            Hub name.
        corpus: text of the domain: files, folders, globs or named sources.
        general: text such as the checkpoint was trained on. A share of each batch is of it, so that what
            the model knew is kept, and it is measured by. Without it neither is done.
        control: text of another domain, on which a model is trained for as long: is it the domain that
            helps, or any further training? It gets the same `replay_share` of general text, which stays as
            it is whatever `guard_action` does to that of the domain's model, and no words of the domain.
            Left out, there is no such model.
        read: how all text is read.
        task: a kind that `finetune` knows; with `train`, `validation` and `test`, files as it takes them.
            Left out, the model is adapted and nothing is proved.
        out: folder for everything; what is there already is gone on from.
        minutes, steps: of training on the domain; one of them, or 30 minutes.
        words: how many words of the domain the vocabulary gets. "auto" follows what is measured, up to
            `most_words`; 0 leaves the vocabulary as it is.
        replay_share: of each batch, general text.
        tolerance: relative rise of the masked loss on general text beyond which `guard_action` is taken:
            "replay" raises the share of general text, "stop" ends the training with the last weights that
            were within it, "warn" says so.
        own_text_share: of the minutes (or steps), for training on the task's own texts (TAPT).
        variants: which models are made beside the base. None: all that the settings allow.
        seeds: fine-tunings of each model.
        examples: how many sentences of the held-out text, each with a gap, the card has for the Hub's page to
            try the model on. They are published with it; 0 leaves them out.
        seed: of everything else that is drawn.
        prepare, pretrain, finetune: settings of these stages, for all models alike. Without a `max_length`
            rows have 128 tokens, or as many as the model takes where that is less. `pretrain` also chooses
            what learns, such as `lora: {rank: 16, name: legal}` or `trains: {layers: last:2}`, and by which
            objective: a model of `objective: replaced` predicts no tokens, so that nothing says what it
            forgets, and its share of general text stays as it is. What it says of new rows
            (`new_rows_rate`) holds for the models with words of the domain.
    """

    model: str
    revision: str | None = None
    corpus: list[str] = Field(min_length=1)
    general: list[str] = Field(default_factory=list)
    control: list[str] = Field(default_factory=list)
    read: ReadOptions = ReadOptions()
    task: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    out: str
    minutes: float | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=1)
    words: int | Literal["auto"] = "auto"
    most_words: int = Field(2_000, ge=1)
    replay_share: float = Field(0.2, ge=0, lt=1)
    tolerance: float = Field(0.02, gt=0)
    guard_action: Literal["warn", "stop", "replay"] = "replay"
    own_text_share: float = Field(0.15, gt=0, le=1)
    variants: list[Literal["dapt", "tapt", "dapt+tapt", "control"]] | None = None
    seeds: int = Field(5, ge=2)
    examples: int = Field(EXAMPLES, ge=0)
    seed: int = Field(0, ge=0, lt=1 << 32)
    prepare: PrepareConfig = PrepareConfig(max_length=ROW_LENGTH)
    pretrain: dict[str, Any] = Field(default_factory=dict)
    finetune: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> AdaptConfig:
        if self.minutes is not None and self.steps is not None:
            raise ValueError("give minutes or steps, not both")
        if isinstance(self.words, int) and self.words < 0:
            raise ValueError("words: a number, 0 for none, or auto")
        _refuse("pretrain", self.pretrain, _OURS["pretrain"])
        _refuse("prepare", self.prepare.model_fields_set, _OURS["prepare"])
        self._check_task()
        if "control" in (self.variants or []) and not self.control:
            raise ValueError("variants: control needs text of another domain: give control")
        if self.variants is not None and set(self.variants) <= {"control"}:
            raise ValueError(
                "variants: none is adapted to the domain: name dapt, tapt or dapt+tapt too"
            )
        return self

    def _check_task(self) -> None:
        given = [name for name in _SPLITS if getattr(self, name) is not None]
        if self.task is None:
            if given:
                raise ValueError(f"{given[0]}: say which kind of task it is for: give task")
            if needs := [v for v in self.variants or [] if "tapt" in v]:
                raise ValueError(f"variants: {needs[0]} trains on a task's own texts: give task")
            return
        if missing := [name for name in ("train", "validation") if name not in given]:
            raise ValueError(f"task: {self.task} needs a {missing[0]} file: give {missing[0]}")
        _refuse("finetune", self.finetune, ("model", "out", "seed", *_SPLITS))

    def with_length(self, most_tokens: int) -> AdaptConfig:
        """The settings, with rows of 128 tokens or `most_tokens` at most where they do not say how long."""
        is_given = "prepare" in self.model_fields_set
        is_said = is_given and "max_length" in self.prepare.model_fields_set
        tokens = min(ROW_LENGTH, most_tokens)
        if is_said or tokens == self.prepare.max_length:
            return self
        prepare = self.prepare.model_copy(update={"max_length": tokens})
        return self.model_copy(update={"prepare": prepare})

    def said(self) -> dict[str, Any]:
        """The settings that are not the defaults, for JSON.

        Without a length of rows those of an adaptation are shorter than those of `prepare` alone, so that one
        that was given is said whatever it is.
        """
        found = self.model_dump(mode="json", exclude_defaults=True)
        if "prepare" in found and "max_length" in self.prepare.model_fields_set:
            found["prepare"]["max_length"] = self.prepare.max_length
        return found

    def settings_of_runs(self, has_new_words: bool) -> dict[str, Any]:
        """`pretrain` as it is for a model with words of the domain in its vocabulary, or for one without."""
        left_out = () if has_new_words else _OF_NEW_WORDS
        return {name: value for name, value in self.pretrain.items() if name not in left_out}

    @property
    def chosen_variants(self) -> list[str]:
        """The models that are made, in the order in which they are."""
        possible = ["dapt"]
        possible += ["tapt", "dapt+tapt"] if self.task else []
        possible += ["control"] if self.control else []
        wanted = possible if self.variants is None else self.variants
        return [name for name in possible if name in wanted]


def _refuse(section: str, given: Collection[str], names: Sequence[str]) -> None:
    if wrong := [name for name in names if name in given]:
        raise ValueError(f"{section}.{wrong[0]}: is set by the adaptation itself: leave it out")
