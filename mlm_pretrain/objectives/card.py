"""What an objective has its models' cards say; the rest of a card follows from the run's records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Card:
    """Of a model that learned an objective.

    Attributes:
        trained_by: goes on from "Trained from scratch with", as in "next-token prediction".
        pipeline_tag: the Hub's name for what one does with it; None leaves it open.
        opens_as: name of the Auto class to open it by.
        use: settings of the objective → a passage for those who use the model; "" for none.
        alone: more of that, which does not hold where other objectives are learned beside it.
        validation: scores → what the card says of them, where it is not the loss of a token objective.
    """

    trained_by: str
    pipeline_tag: str | None = "fill-mask"
    opens_as: str = "AutoModelForMaskedLM"
    use: Callable[[Any], str] = lambda _settings: ""
    alone: str = ""
    validation: Callable[[Mapping[str, Any]], str] | None = None


def opening(auto_class: str, subfolder: str) -> str:
    """The lines of Python that open a model beside the model."""
    return (
        f"```python\nfrom transformers import {auto_class}\n\n"
        f'model = {auto_class}.from_pretrained("path/of/this/folder", subfolder="{subfolder}")\n```'
    )


def vector_of_a_text(pooling: str) -> str:
    """How to get it from a model that embeds texts."""
    how = {
        "cls": "the state of its first token",
        "mean": "the mean of the last states of its tokens, special tokens left out",
    }
    return f"A text's vector is {how[pooling]}."
