"""What is known of an adapted model, for its card. None is what nobody recorded: nothing is guessed."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field, field_validator

from mlm_pretrain.cards.licence import Licence
from mlm_pretrain.config import StrictConfig

LossUnit: TypeAlias = Literal["nats a token", "bits a byte", "bits a byte of whole words"]


class TextSource(StrictConfig):
    """One source of training text.

    Attributes:
        name: `hf:NAME…` or a path, of which the card has the last part.
        documents, bytes, tokens: what of it was trained on, after all removals; bytes are of UTF-8 text.
        xxh3_128: hash of its content, by which a reader knows whether theirs is the same.
        licence: of the text, in words or as an identifier.
    """

    name: str
    documents: int | None = None
    bytes: int | None = None
    tokens: int | None = None
    xxh3_128: str | None = None
    licence: str | None = None


class BeforeAfter(StrictConfig):
    """One measure of the base model and of the adapted one, on the same data."""

    before: float
    after: float


class LossPair(BeforeAfter):
    """A masked loss of both. Where the vocabulary grew, tokens before and after are not the same, and only
    bits a byte can be compared between the two tokenizers."""

    unit: LossUnit = "nats a token"


class NewVocabulary(StrictConfig):
    """What the tokenizer gained.

    Attributes:
        words: how many entries were added.
        entries_before, entries_after: of the whole vocabulary.
        tokens_before, tokens_after: what one and the same text of the domain comes to, and `tokens_of` says
            which, such as "the validation text".
        examples: some of the words.
    """

    words: int
    entries_before: int | None = None
    entries_after: int | None = None
    tokens_before: int | None = None
    tokens_after: int | None = None
    tokens_of: str | None = None
    examples: list[str] = Field(default_factory=list)


class TrainingFacts(StrictConfig):
    """How long and by what settings it was trained.

    Attributes:
        tokens: read in training, general text included.
        epochs: passes over the domain's text: how often the model saw each passage.
        minutes: of the clock, on `hardware`.
        learning_rate, new_rows_learning_rate: peaks, in AdamW's units; the second of new words' rows.
        replay_share: of all rows, those of general text, 0 to 1.
        others: any further setting by its name.
    """

    steps: int | None = None
    tokens: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    hardware: str | None = None
    learning_rate: float | None = None
    new_rows_learning_rate: float | None = None
    replay_share: float | None = None
    others: dict[str, str | int | float | bool] = Field(default_factory=dict)


class WorthResult(StrictConfig):
    """What the adaptation was worth on one task: both models fine-tuned alike over seeds.

    Attributes:
        task, kind: name of the labelled data, and a name in `finetune.TASKS`.
        metric, split: what was scored, and on which split.
        base_mean, adapted_mean: over the seeds; `control_mean` of a model adapted to a wrong domain.
        difference, low, high: adapted minus base, and its interval over examples and seeds.
        p_holm: corrected for the number of comparisons.
        verdict: "better", "worse" or "not shown".
        seeds: how many, or which.

    Further keys of a comparison are for its own report, and are left there.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    task: str
    kind: str
    metric: str
    split: str
    base_mean: float
    adapted_mean: float
    difference: float
    low: float
    high: float
    p_holm: float | None
    verdict: str
    seeds: int | list[int]
    control_mean: float | None = None

    @property
    def seed_count(self) -> int:
        """How many seeds the means are over."""
        return self.seeds if isinstance(self.seeds, int) else len(self.seeds)


class AdaptedFacts(StrictConfig):
    """All that the card of an adapted model says. Only the first five are needed.

    Attributes:
        name: of the model, for its title and the Hub's list of results.
        base_model: as it was given: a Hub name or a folder, of which the card has the last part.
        model_class: such as BertForMaskedLM; `parameters` are its weights.
        versions: name → version, as `manifest.versions` gives them.
        base_revision: the commit of a Hub name.
        licence: a setting, or `base_licence(base_model, base_revision)`; None leaves it out with a note.
        language: ISO 639 codes, of two or three letters.
        domain: in a few words, such as "abstracts of biomedical articles".
        purpose: what it is meant for, in its maker's own words.
        sources: the domain's text; `general` the text replayed beside it.
        removed: what was left out before training → how many: copies, overlap with a test set, … Empty where
            it was looked and nothing was removed.
        distance: how far the domain's text is from the base model or its text: measure → value.
        worth: results on tasks, also as the dicts that `worth` gives.
        worth_level: of their intervals, such as 0.95.
        domain_loss: masked loss on text of the domain that was held back.
        general_loss: the same on general text: what was forgotten.
        probes: name → score of the frozen model, such as BLiMP.
        limits: further ones, a sentence each.
        examples: texts with one `mask_token` each (see `card_examples`), for the Hub's page.
        command: what made it, a word each, such as `sys.argv`.
        pipeline_tag, opens_as: what one does with it by the Hub's name, and the Auto class.
        max_length: tokens of the longest row it was trained on.
    """

    name: str
    base_model: str
    model_class: str
    parameters: int
    versions: dict[str, str]
    base_revision: str | None = None
    licence: Licence | None = None
    language: list[str] = Field(default_factory=list)
    domain: str | None = None
    purpose: str | None = None
    sources: list[TextSource] = Field(default_factory=list)
    general: list[TextSource] = Field(default_factory=list)
    removed: dict[str, int] | None = None
    distance: dict[str, float] = Field(default_factory=dict)
    training: TrainingFacts = Field(default_factory=TrainingFacts)
    vocabulary: NewVocabulary | None = None
    worth: list[WorthResult] = Field(default_factory=list)
    worth_level: float | None = None
    domain_loss: LossPair | None = None
    general_loss: LossPair | None = None
    probes: dict[str, BeforeAfter] = Field(default_factory=dict)
    limits: list[str] = Field(default_factory=list)
    examples: list[str] = Field(default_factory=list)
    mask_token: str | None = "[MASK]"
    command: list[str] | None = None
    pipeline_tag: str | None = "fill-mask"
    opens_as: str = "AutoModelForMaskedLM"
    max_length: int | None = None

    @field_validator("language")
    @classmethod
    def _are_codes(cls, codes: list[str]) -> list[str]:
        for code in codes:
            if not (code.isascii() and code.isalpha() and code.islower() and len(code) in (2, 3)):
                raise ValueError(f"'{code}' is no ISO 639 code, such as en or deu")
        return codes
