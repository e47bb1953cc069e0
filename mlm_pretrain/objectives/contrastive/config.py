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
