"""Settings of a fine-tuning run, and the rules behind the ones left open."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mlm_pretrain.config import UNQUOTED, StrictConfig
from mlm_pretrain.finetune.sources import is_installed_docs
from mlm_pretrain.precision import Precision

SMALL_SET_ROWS = 2_048
TARGET_LENGTH = 128
# Upper end of the hidden size, and the learning rate that suits models up to it. Small models,
# and those pretrained with large rates, have large weights that 5e-5 barely moves in a few
# hundred steps; large ones forget what they know at 5e-4.
_RATES = ((384, 5e-4), (512, 2e-4), (767, 1e-4), (1023, 5e-5))
_RATE_BEYOND = 2e-5


class FinetuneConfig(StrictConfig):
    """One fine-tuning run. Settings left at None follow a rule, named beside each.

    Files are .jsonl, .json, .csv or .tsv (also .gz and .zst), CoNLL columns (.conll, .conllu,
    .txt) for tagging, or `hf:NAME[:config][@split]`. Quotes enclose fields in .csv, and are text in
    .tsv. `installed-docs[:LIBRARY,…]` has summaries of its own, for all three files.
    """

    model: str  # a folder that from_pretrained reads, or a Hub name
    revision: str | None = None  # branch, tag or commit of a Hub name; None: main
    train: str
    validation: str  # chooses the best epoch
    test: str | None = None  # scored once, with the best epoch's weights
    # Rows that need no labels: predictions_unlabelled.jsonl says what they get, nothing is scored.
    unlabelled: str | None = None
    out: str

    epochs: int | None = Field(default=None, gt=0)  # None: `default_epochs`
    steps: int | None = Field(default=None, gt=0)  # instead of epochs
    learning_rate: float | None = Field(default=None, gt=0)  # None: `default_learning_rate`
    # Share of it for the embeddings; 0 freezes them. None: `default_embedding_rate`, or as the layers
    embedding_rate: float | None = Field(default=None, ge=0, le=1)
    # Of the rate of the layer above, each layer gets so much (ELECTRA: 0.8 and 0.9 for large models).
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    # Which weights are trained (see `adaptation`): all; the head; head and biases; low-rank changes; or
    # the head and vectors before the text, in the first layer or in all (see `prompts`).
    adapt: Literal["full", "frozen", "bitfit", "lora", "prompt", "prefix"] = "full"
    lora_rank: int = Field(default=8, gt=0)
    virtual_tokens: int = Field(default=16, gt=0)  # of prompt and prefix
    # Whose weights are kept: those of the epoch that scores best on validation, or the last one's, which
    # alone is scored then.
    keep: Literal["best", "last"] = "best"
    # Stop after so many epochs without a better score.
    patience: int | None = Field(default=None, gt=0)
    batch_size: int = Field(default=16, gt=0)  # examples a device and micro-batch
    accumulation: int = Field(default=1, gt=0)  # micro-batches a step
    max_length: int | None = Field(default=None, gt=3)  # tokens; None: the model's own, 512 at most
    warmup_share: float = Field(default=0.1, ge=0, lt=1)  # of all steps; then linear decay to 0
    weight_decay: float = Field(default=0.01, ge=0)
    max_gradient_norm: float = Field(default=1.0, gt=0)
    dropout: float | None = Field(default=None, ge=0, lt=1)  # None: the model's own
    precision: Precision = "auto"  # auto: bf16 where the processor has it
    seed: int = 0
    metric: str | None = None  # keeps the best epoch; None: the task's own

    save_model: bool = True  # false: scores and predictions alone
    # "balanced": examples count in inverse proportion to how frequent their label is (sentiment).
    class_weights: Literal["none", "balanced"] = "none"
    max_train_examples: int | None = Field(default=None, gt=0)  # a subset by seed: "N labels"
    # Of the validation file so many, drawn alike whatever the seed: it is scored after every epoch.
    max_validation_examples: int | None = Field(default=None, gt=0)
    random_weights: bool = False  # the same architecture untrained: the baseline

    text_field: str = "text"
    text_pair_field: str = "text_pair"  # used when the rows have it; another name must be there
    label_field: str = "label"
    tokens_field: str = "tokens"
    tags_field: str = "ner_tags"
    label_names: list[str] | None = None  # names for labels or tags given as 0, 1, 2… or "0", "1"…
    # Tags that are a letter alone (B, I, O) are spans of one type, SPAN, unless "plain" is asked for.
    tag_scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = "auto"

    # Texts (sentiment, multilabel, regression) beyond max_length: cut; or windows that each learn the
    # text's label, and whose mean output is the text's.
    long_texts: Literal["cut", "windows"] = "cut"
    # Of a cloze: a sentence with {mask} where the label's word goes and {text} (and {text_pair}); None:
    # `cloze.default_template`. `words` names a word or several of each label; None: the label itself.
    template: str | None = None
    words: dict[str, list[str]] | None = None
    stride: int | None = Field(
        default=None, ge=0
    )  # tokens two windows share; None: `default_stride`
    n_best: int = Field(default=20, gt=0)  # starts and ends tried for an answer
    max_answer_length: int = Field(default=30, gt=0)  # tokens
    null_threshold: float = 0.0  # "no answer" must beat the best answer's score by this
    max_bad_answers: float = Field(default=0.01, ge=0, le=1)  # share of rows that may be dropped

    summary_field: str = "summary"  # of `text_field`, or of one of the usual names (see `pairs`)
    source_field: str = "source"
    target_field: str = "target"
    # Which of `translation: {"en": …, "de": …}` is read and which written; also the marks of a
    # tokenizer of many languages (de_DE, deu_Latn), which "de" finds where only one begins so.
    source_language: str | None = None
    target_language: str | None = None
    prefix: str | None = None  # before every source text; None: the checkpoint's own for this task
    max_target_length: int | None = Field(default=None, gt=2)  # tokens; None: `default_target`
    num_beams: int = Field(default=4, gt=0)  # of the final scores; epochs are compared with 1
    max_new_tokens: int | None = Field(default=None, gt=1)  # None: as max_target_length
    length_penalty: float = 1.0  # beams compete by log p / tokens ** this: above 1 longer texts win
    no_repeat_ngram_size: int = Field(default=0, ge=0)  # tokens in a row written once only; 0: any
    # What ROUGE counts: "english" is a-z, 0-9 and Porter's stems, as published; "any" every script.
    rouge_words: Literal["english", "any"] = "english"
    bleu_tokenizer: Literal["13a", "intl", "zh", "char", "none"] = "13a"  # sacrebleu's

    @model_validator(mode="before")
    @classmethod
    def _takes_all_sides(cls, values: Any) -> Any:
        return with_sides(values) if isinstance(values, dict) else values

    @field_validator("prefix", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """YAML reads `summarize: ` as a section."""
        if isinstance(value, dict):
            raise ValueError(
                "a colon and a blank need quotes within quotes: 'prefix=\"summarize: \"'"
            )
        return value

    @field_validator("words", mode="before")
    @classmethod
    def _are_lists(cls, value: Any) -> Any:
        """One word may stand without brackets; labels that are numbers are read as such by YAML."""
        if not isinstance(value, dict):
            return value
        if any(isinstance(label, bool) for label in value):
            raise ValueError(f"a label is read as true or false: {UNQUOTED}")
        return {str(k): [words] if isinstance(words, str) else words for k, words in value.items()}

    @model_validator(mode="after")
    def _scores_what_it_waits_for(self) -> FinetuneConfig:
        if self.keep == "last" and self.patience is not None:
            raise ValueError("patience needs the score of every epoch: leave it out, or keep: best")
        return self

    @model_validator(mode="after")
    def _has_beams_to_compare(self) -> FinetuneConfig:
        if self.num_beams == 1 and self.length_penalty != 1:
            raise ValueError("length_penalty has no effect with num_beams 1")
        return self


def with_sides(values: dict[str, Any]) -> dict[str, Any]:
    """Settings with validation and test filled in where the training source has these of its own."""
    train = values.get("train")
    if not isinstance(train, str) or not is_installed_docs(train):
        return values
    given = {key: value for key, value in values.items() if value is not None}
    return {**values, "validation": train, "test": train, **given}


def default_learning_rate(hidden_size: int) -> float:
    """Peak rate by width: 5e-4 to 384, 2e-4 to 512, 1e-4 below 768, 5e-5 below 1024, then 2e-5."""
    return next((rate for width, rate in _RATES if hidden_size <= width), _RATE_BEYOND)


def default_epochs(train_rows: int) -> int:
    """10 passes over up to 2,048 rows (too few steps otherwise), 3 over more.

    A question whose context needs several windows is as many rows.
    """
    return 10 if train_rows <= SMALL_SET_ROWS else 3


def default_stride(max_length: int) -> int:
    """Tokens that neighbouring windows share: a quarter of the window, 128 at most."""
    return min(128, max_length // 4)


def default_target(positions: int | None) -> int:
    """Tokens of a target: 128, or the model's positions where it has fewer."""
    return min(TARGET_LENGTH, positions or TARGET_LENGTH)
