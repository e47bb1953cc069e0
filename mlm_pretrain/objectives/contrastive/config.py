"""Settings of contrastive learning."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig


class AugmentationConfig(StrictConfig):
    """How strongly each view is changed; 0 leaves an augmentation out. They come in this order.

    Attributes:
        crop: share of the text cut away at its ends.
        cutoff: share of the text removed as one span.
        deletion: chance of each token to be left out.
        shuffle: tokens change places within windows of this many (1 changes nothing).
        typos: chance of each token to become a random ordinary one.
    """

    crop: float = Field(0.0, ge=0, lt=1)
    cutoff: float = Field(0.0, ge=0, lt=1)
    deletion: float = Field(0.7, ge=0, lt=1)
    shuffle: int = Field(0, ge=0)
    typos: float = Field(0.0, ge=0, le=1)

    @property
    def changes_anything(self) -> bool:
        return bool(self.crop or self.cutoff or self.deletion or self.shuffle > 1 or self.typos)


class SpanConfig(StrictConfig):
    """Two spans of one text, of lengths between two shares of it (see `spans`)."""

    shortest: float = Field(0.25, gt=0, le=1)
    longest: float = Field(0.75, gt=0, le=1)

    @model_validator(mode="after")
    def _fits_together(self) -> SpanConfig:
        if self.shortest > self.longest:
            raise ValueError("shortest must not exceed longest")
        return self


# Spearman on 3,000 training pairs of STS-B, without labels, of a masked modernbert 4x256 after 30 minutes:
# 59.9. After 400 further steps of 16 rows at 3e-4, sentences with 70 % left out of each view, with a bank
# of 8,192: spread 1 66.5, spread 0.3 65.3; spread 0 with 80 % left out 66.3. Without a bank, 500 steps at
# 1e-4: 62.7, and 63.2 without spread too. From the same model of 906 steps, 59.6, after 150 steps at 1e-4
# without spread: two dropouts 56.1, 30 % left out 57.6, 60 % 60.9 (with a bank of 2,048 62.4), spans of
# segments 59.9; at 5e-4 with 80 % left out: sentences 62.8, whole segments 60.6. Spread with 80 % and more
# left out did harm: 58.4.
class ContrastiveConfig(StrictConfig):
    """What the two views are, and what each is told apart from.

    Attributes:
        texts: what is told apart: the segments that were packed into rows, or each of their sentences.
        language: of the text, for finding its sentences (ISO 639-1).
        positives: "dropout" takes the text twice, "spans" two spans of it, "augmented" two changed copies.
        pooling: an embedding is the mean over a text's ordinary tokens, or the state of its first token.
        temperature: similarities are divided by it.
        projection: width of a head between embedding and loss, for training alone; 0: none.
        bank_size: keys of earlier texts that serve as further negatives; 0: none.
        momentum: share that the momentum encoder keeps of itself each step (with a bank).
        spread: weight of what makes embeddings use all directions alike (see `spread`); 0: plain InfoNCE.
        hard_negatives: of the bank only so many of the most similar keys count for a text; 0: all.
        cached: take negatives from all of a step's micro-batches and processes, for a second forward pass.
        health_every: steps between measurements of collapse.
    """

    texts: Literal["segments", "sentences"] = "sentences"
    language: str = "en"
    positives: Literal["dropout", "spans", "augmented"] = "augmented"
    augmentation: AugmentationConfig = AugmentationConfig()
    spans: SpanConfig = SpanConfig()
    pooling: Literal["mean", "cls"] = "mean"
    temperature: float = Field(0.05, gt=0)
    projection: int = Field(0, ge=0)
    bank_size: int = Field(8_192, ge=0)
    momentum: float = Field(0.98, ge=0, lt=1)
    spread: float = Field(1.0, ge=0)
    hard_negatives: int = Field(0, ge=0)
    cached: bool = False
    health_every: int = Field(50, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> ContrastiveConfig:
        if self.hard_negatives and not self.bank_size:
            raise ValueError("hard_negatives are taken from the bank: give bank_size too")
        if self.positives == "augmented" and not self.augmentation.changes_anything:
            raise ValueError("positives: augmented needs an augmentation above 0")
        return self
