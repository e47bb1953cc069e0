"""Settings of a curriculum."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mlm_pretrain.config import StrictConfig, require_known
from mlm_pretrain.training.curriculum.scores import MEASURES

SIMILARITY = "similarity"


class CurriculumConfig(StrictConfig):
    """Which rows are easy, and how soon the others join them.

    Attributes:
        measure: of a row's difficulty. "length": mean tokens of its segments; "entropy": how rare its tokens
            are; "diversity": share of distinct tokens; "similarity": how unlike `target` it is.
        reverse: the hard rows first.
        target: for "similarity", a folder that `prepare` wrote with the same tokenizer.
        pacing: how the share of the rows that may be drawn grows: "linear", "root" (fast, then
            slowly; Platanios et al. 2019) or "stepwise", in `stages` equal steps.
        start_share: of the rows, easiest first, that may be drawn in the first step.
        until: share of the run after which every row comes once an epoch, as without a curriculum.
    """

    measure: str = "entropy"
    reverse: bool = False
    target: str | None = None
    pacing: Literal["linear", "root", "stepwise"] = "root"
    stages: int = Field(5, ge=1)
    start_share: float = Field(0.1, gt=0, le=1)
    until: float = Field(0.5, gt=0, le=1)

    @field_validator("measure")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return require_known(name, MEASURES, "measure")

    @model_validator(mode="after")
    def _fits_together(self) -> CurriculumConfig:
        if self.measure == SIMILARITY and not self.target:
            raise ValueError("similarity needs a target: the folder of prepared data to be like")
        if self.measure != SIMILARITY and self.target:
            raise ValueError(f"target is for the measure similarity, not for {self.measure}")
        return self
