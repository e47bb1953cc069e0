"""Settings of several objectives on one encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, field_validator, model_validator

from mlm_pretrain.config import StrictConfig, require_known
from mlm_pretrain.objectives import OBJECTIVES, Objective

Way: TypeAlias = Literal["sum", "share"]
Balance: TypeAlias = Literal["none", "uncertainty", "gradient"]


class Part(StrictConfig):
    """One objective among several.

    Attributes:
        name: of the objective.
        weight: of its loss in the sum, or of its rows among all.
        weight_end: the weight at the end of the run, reached along a line; None keeps it.
        settings: of the objective itself.
    """

    name: str
    weight: float = Field(1.0, gt=0)
    weight_end: float | None = Field(None, ge=0)
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return require_known(name, OBJECTIVES, "objective")

    def weight_at(self, progress: Any) -> Any:
        """The weight once `progress`, 0 to 1, of the run is done: a number, or a tensor as `progress` is."""
        end = self.weight if self.weight_end is None else self.weight_end
        return self.weight + progress * (end - self.weight)


def fault_of(parts: Sequence[Part]) -> str | None:
    """Why these cannot be parts of one loss, whatever the objectives are; None where they can."""
    names = [part.name for part in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"{twice[0]} is listed twice: give each objective once"
    if parts and not any(part.weight_at(1.0) for part in parts):
        return "every weight_end is 0: keep one above it"
    return None


class Member(NamedTuple):
    """A part with the objective it names, and that objective's settings."""

    part: Part
    objective: Objective
    config: Any

    @property
    def name(self) -> str:
        return self.part.name


class TogetherConfig(StrictConfig):
    """What is learnt beside what, and how much each counts.

    Attributes:
        parts: the objectives; their settings are completed with the defaults, so that records hold all.
        together: "sum" lets every part learn from every row; "share" gives each row to one part, drawn
            with a chance in proportion to the weights.
        balance: "uncertainty" learns a further weight for each part (see `objective`); "gradient" computes
            one that makes the parts' gradients alike (see `gradients`).
    """

    parts: list[Part] = Field(min_length=1)
    together: Way = "sum"
    balance: Balance = "none"

    @model_validator(mode="after")
    def _fits_together(self) -> TogetherConfig:
        if fault := fault_of(self.parts):
            raise ValueError(fault)
        self.parts = [
            part.model_copy(update={"settings": _settings(part).model_dump()})
            for part in self.parts
        ]
        return self

    @cached_property
    def members(self) -> list[Member]:
        """The parts as the loss needs them."""
        return [Member(part, OBJECTIVES[part.name], _settings(part)) for part in self.parts]


def _settings(part: Part) -> StrictConfig:
    return OBJECTIVES[part.name].config.model_validate(part.settings)


def joined_name(parts: Sequence[Part]) -> str:
    """What records call the objectives together."""
    return "+".join(part.name for part in parts)
