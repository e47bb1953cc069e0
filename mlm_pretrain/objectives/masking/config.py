"""Settings of masking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig


class MaskedConfig(StrictConfig):
    """Which tokens are predicted, and what the model sees in their place.

    Attributes:
        ratio: share of a row's ordinary tokens to predict.
        ratio_end: the share moves from `ratio` to this one in a straight line over the run (Yang et al. 2023
            and Ankner et al. 2024 go from 30 % to 15 %). None stays at `ratio`.
        count: predict this many tokens of each row, or all of a shorter one, whatever the ratio.
        unit: mask single tokens, whole words, or spans or n-grams of whole words.
        mask_share: of the chosen, this share becomes the mask token …
        random_share: … this share a random ordinary token; the rest stays as it is.
        span_continue: spans have geometric length; chance that one goes on by another word.
        longest_span: longest span in words.
        longest_ngram: n-grams have 1 to this many words, the chance of n words being as 1/n.
        adaptive: how strongly tokens are preferred that the model finds hard (see `adaptive`); 0: all alike.
    """

    ratio: float = Field(0.3, gt=0, lt=1)
    ratio_end: float | None = Field(None, gt=0, lt=1)
    count: int | None = Field(None, ge=1)
    unit: Literal["token", "word", "span", "ngram"] = "token"
    mask_share: float = Field(0.8, ge=0, le=1)
    random_share: float = Field(0.1, ge=0, le=1)
    span_continue: float = Field(0.8, ge=0, lt=1)
    longest_span: int = Field(10, ge=1)
    longest_ngram: int = Field(3, ge=1)
    adaptive: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> MaskedConfig:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError("mask_share + random_share must not exceed 1")
        if self.count is not None and self.ratio_end is not None:
            raise ValueError(
                "give count (a fixed number) or ratio_end (a changing share), not both"
            )
        return self
