"""Which tokens a masked model predicts, and what it sees in their place."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig


class MaskedConfig(StrictConfig):
    """Which tokens are predicted, and what the model sees in their place.

    Attributes:
        ratio: share of a row's ordinary tokens to predict.
        unit: mask single tokens, whole words, or spans of whole words.
        mask_share: of the chosen, this share becomes the mask token …
        random_share: … this share a random ordinary token; the rest stays as it is.
        span_continue: spans have geometric length; chance that one goes on by another word.
        longest_span: longest span in words.
    """

    ratio: float = Field(0.3, gt=0, lt=1)
    unit: Literal["token", "word", "span"] = "token"
    mask_share: float = Field(0.8, ge=0, le=1)
    random_share: float = Field(0.1, ge=0, le=1)
    span_continue: float = Field(0.8, ge=0, lt=1)
    longest_span: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> MaskedConfig:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError("mask_share + random_share must not exceed 1")
        return self
