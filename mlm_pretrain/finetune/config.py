"""Settings of a fine-tuning run, and the rules behind the ones left open."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.precision import Precision

SMALL_SET_ROWS = 2_048
# Upper end of the hidden size, and the learning rate that suits models up to it. Small models,
# and those pretrained with large rates, have large weights that 5e-5 barely moves in a few
# hundred steps; large ones forget what they know at 5e-4.
_RATES = ((384, 5e-4), (512, 2e-4), (767, 1e-4), (1023, 5e-5))
_RATE_BEYOND = 2e-5


class FinetuneConfig(StrictConfig):
    """One fine-tuning run. Settings left at None follow a rule, named beside each.

    Files are .jsonl, .json, .csv or .tsv (also .gz and .zst), CoNLL columns (.conll, .conllu,
    .txt) for tagging, or `hf:NAME[:config][@split]`. Quotes enclose fields in .csv, and are text in
    .tsv.
    """

    model: str  # a folder that from_pretrained reads, or a Hub name
    revision: str | None = None  # branch, tag or commit of a Hub name; None: main
    train: str
    validation: str  # chooses the best epoch
    test: str | None = None  # scored once, with the best epoch's weights
    out: str

    epochs: int | None = Field(default=None, gt=0)  # None: `default_epochs`
    steps: int | None = Field(default=None, gt=0)  # instead of epochs
    learning_rate: float | None = Field(default=None, gt=0)  # None: `default_learning_rate`
    # Share of it for the embeddings; 0 freezes them. None: `default_embedding_rate`
    embedding_rate: float | None = Field(default=None, ge=0, le=1)
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

    max_train_examples: int | None = Field(default=None, gt=0)  # a subset by seed: "N labels"
    random_weights: bool = False  # the same architecture untrained: the baseline

    text_field: str = "text"
    text_pair_field: str = "text_pair"  # used when the rows have it; another name must be there
    label_field: str = "label"
    tokens_field: str = "tokens"
    tags_field: str = "ner_tags"
    label_names: list[str] | None = None  # names for labels or tags given as 0, 1, 2… or "0", "1"…
    # Tags that are a letter alone (B, I, O) are spans of one type, SPAN, unless "plain" is asked for.
    tag_scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou", "plain"] = "auto"

    stride: int | None = Field(
        default=None, ge=0
    )  # tokens two windows share; None: `default_stride`
    n_best: int = Field(default=20, gt=0)  # starts and ends tried for an answer
    max_answer_length: int = Field(default=30, gt=0)  # tokens
    null_threshold: float = 0.0  # "no answer" must beat the best answer's score by this
    max_bad_answers: float = Field(default=0.01, ge=0, le=1)  # share of rows that may be dropped


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
