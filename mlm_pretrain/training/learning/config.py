"""Settings of what learns in a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from mlm_pretrain.config import StrictConfig

_LAST = "last:"


class TrainsConfig(StrictConfig):
    """Which of the model's own weights learn. What lies behind the layers, such as the head, always does.

    Attributes:
        layers: "all"; "last:N", those next to the head; or their numbers from 0, as [10, 11].
        embeddings: of tokens and positions, with their norm. Without them tokens that were added to the
            checkpoint's vocabulary still learn, and an output layer that shares their table stays with it.
    """

    layers: str | list[int] = "all"
    embeddings: bool = True

    @field_validator("layers")
    @classmethod
    def _is_a_choice(cls, given: str | list[int]) -> str | list[int]:
        if isinstance(given, list):
            if not given or min(given) < 0 or len(set(given)) < len(given):
                raise ValueError("give different numbers from 0 on, such as [10, 11]")
        elif given != "all" and not given.removeprefix(_LAST).isdecimal():
            raise ValueError('give "all", "last:N", or a list of numbers from 0 on')
        return given

    def chosen(self, count: int) -> set[int]:
        """Numbers of those that learn, of `count` layers; they may reach beyond."""
        if isinstance(self.layers, list):
            return set(self.layers)
        first = 0 if self.layers == "all" else count - int(self.layers.removeprefix(_LAST))
        return set(range(first, count))

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.layers == "all" and self.embeddings


class LoraConfig(StrictConfig):
    """A low-rank change of the layers' matrices learns in place of these (Hu et al. 2022, "LoRA"; peft).

    Attributes:
        rank: of the change of each matrix.
        alpha: the change counts alpha / rank; None is 2 · rank.
        targets: "attention": the matrices in attention; "all-linear": all of the layers; or beginnings or
            parts of names, as [query, value].
        head: whether the head learns too; None where the checkpoint had none.
        name: of the change among others on the same checkpoint: an exported model has it in adapters/NAME.
    """

    rank: int = Field(8, ge=1)
    alpha: float | None = Field(None, gt=0)
    targets: Literal["attention", "all-linear"] | list[str] = "all-linear"
    head: bool | None = None
    name: str = Field("domain", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")

    @field_validator("name")
    @classmethod
    def _is_no_part_of_a_name(cls, name: str) -> str:
        # peft finds its own weights by this prefix, and gives "default" no folder of its own.
        if name in "lora_" or name == "default":
            raise ValueError(f"'{name}' is a name, or part of one, that peft uses: choose another")
        return name

    @property
    def scale(self) -> float:
        """alpha, as peft takes it."""
        return self.alpha if self.alpha is not None else 2.0 * self.rank
