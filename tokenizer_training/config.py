"""Settings of tokenizer training."""

from __future__ import annotations

from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions

DEFAULT_SAMPLE_BYTES = 1 << 29


class TokenizerConfig(StrictConfig):
    """Settings of tokenizer training.

    Attributes:
        cased: keep upper case and accents (wordpiece only; the other algorithms always do).
        min_frequency: a pair or piece seen less often than this never becomes a token.
        character_coverage: share of all characters that the alphabet must cover; the rarest of
            the rest become unknown (or bytes). Byte-level tokenizers have no such limit.
        alphabet_limit: the most characters an alphabet may hold, whatever the coverage. None: a
            thousand, or as many more as `alphabet_share` allows.
        alphabet_share: share of the vocabulary that the characters may take while `alphabet_limit`
            is not set: a script of thousands of characters needs most of it, and words of other
            scripts the rest. Where the text does not fill the rest, characters take that too.
        sample_bytes: bytes (UTF-8) of text to learn from at most. From a larger corpus whole
            documents are drawn at random, evenly over the corpus.
        seed: seed of that draw.
        max_word_characters: longer words (encoded data, mostly) are counted and not learned from.
        max_distinct_words: bound on the words held in memory; when it is exceeded the rarest are
            dropped and counted.
        sentinels: tokens <extra_id_0>, <extra_id_1> … at the end of the vocabulary, which stand for spans of
            text in training an encoder with a decoder.
        model_max_length: tokens a model takes, written into the tokenizer's configuration.
        reading: how corpus files are read.
    """

    cased: bool = False
    min_frequency: int = Field(default=2, ge=1)
    character_coverage: float = Field(default=0.9999, gt=0, le=1)
    alphabet_limit: int | None = Field(default=None, ge=1)
    alphabet_share: float = Field(default=0.75, gt=0, le=1)
    sample_bytes: int = Field(default=DEFAULT_SAMPLE_BYTES, ge=1)
    seed: int = 0
    max_word_characters: int = Field(default=100, ge=1)
    max_distinct_words: int = Field(default=2_000_000, ge=1)
    sentinels: int = Field(default=0, ge=0, le=1000)
    model_max_length: int = Field(default=512, ge=8)
    reading: ReadOptions = Field(default_factory=ReadOptions)
