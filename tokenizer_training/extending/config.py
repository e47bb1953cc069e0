"""Settings of extending a tokenizer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions
from tokenizer_training.config import DEFAULT_SAMPLE_BYTES


class ExtendConfig(StrictConfig):
    """Settings of extending a tokenizer.

    Attributes:
        min_count: a word seen less often is no candidate.
        min_documents: nor is one that stands in fewer documents: the name of one paper is no term.
        keep: general text (as `corpus`) of which every word that is not itself a new one keeps its ids. A
            candidate that would change another word of it is left out.
        derived: what may become of other words of the corpus ("lymphocytes", once "lymphocyte" is an entry),
            of which BPE that looks words up whole changes none. "shorter": they may get fewer tokens, and a
            candidate is left out if one of them would change without; "same": none may change.
        validation: held-out text to measure the savings on.
        revision: commit or branch of a tokenizer from the Hub.
        sample_bytes, seed, max_distinct_words, max_word_characters: as in `TokenizerConfig`; they bound the
            memory for `corpus` and for `keep`.
        reading: how all of these texts are read.
    """

    min_count: int = Field(default=5, ge=1)
    min_documents: int = Field(default=3, ge=1)
    keep: list[str] = Field(default_factory=list)
    derived: Literal["shorter", "same"] = "shorter"
    validation: list[str] = Field(default_factory=list)
    revision: str | None = None
    sample_bytes: int = Field(default=DEFAULT_SAMPLE_BYTES, ge=1)
    seed: int = 0
    max_distinct_words: int = Field(default=2_000_000, ge=1)
    max_word_characters: int = Field(default=100, ge=1)
    reading: ReadOptions = Field(default_factory=ReadOptions)
