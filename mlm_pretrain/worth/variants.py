"""What is put side by side: a base, models made from it, and controls, each with what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from mlm_pretrain.errors import InputError

Role = Literal["base", "adapted", "control"]
BASE, ADAPTED, CONTROL = get_args(Role)
COSTS = ("seconds", "tokens", "text_bytes")
_UNLIKE = 1.2  # times the training that the other had


@dataclass(frozen=True)
class Variant:
    """One model and what it is here.

    Attributes:
        name: what tables and sentences call it.
        model: an exported folder or a Hub name.
        role: "base" is what there was before; "adapted" is what may have been worth it; "control" got as
            much training on text that has nothing to do with the task.
        cost: of making it from the base: seconds of training, tokens trained on, text_bytes read. Each may
            be left out, and so may all.
        notes: how it was made, for the page.
    """

    name: str
    model: str
    role: Role = "adapted"
    cost: Mapping[str, float] = field(default_factory=dict)
    notes: str = ""

    @property
    def seconds(self) -> float | None:
        """Of training; None where nobody said."""
        return self.cost.get("seconds")


def of_role(variants: Sequence[Variant], role: str) -> list[Variant]:
    """Those of one role, in their order."""
    return [variant for variant in variants if variant.role == role]


def unlike_unit(one: Variant, control: Variant) -> str | None:
    """In what two models were trained differently much, more than a fifth apart; None where they were not.

    By tokens where both are known, else by seconds; nobody can tell where neither is.
    """
    for unit in ("tokens", "seconds"):
        mine, its = one.cost.get(unit), control.cost.get(unit)
        if mine and its is not None:
            return None if 1 / _UNLIKE <= its / mine <= _UNLIKE else unit
    return None


def checked(variants: Sequence[Variant]) -> list[Variant]:
    """The variants, the base first, once they can be compared.

    Raises:
        InputError: for none or several bases, a base alone, a name given twice, an unknown role or cost.
    """
    for variant in variants:
        _check(variant)
    names = [variant.name for variant in variants]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two variants are called {twice}", "give each a name of its own")
    bases = of_role(variants, BASE)
    if len(bases) != 1:
        raise InputError(f"{len(bases)} variants are the base", "name one model as the base")
    others = [variant for variant in variants if variant.role != BASE]
    if not of_role(others, ADAPTED):
        raise InputError("no variant is adapted", "name one or more beside the base")
    return [*bases, *others]


def _check(variant: Variant) -> None:
    if not variant.name.strip():
        raise InputError(f"the variant of {variant.model} has no name", "give it one")
    if variant.role not in get_args(Role):
        known = ", ".join(get_args(Role))
        raise InputError(f"{variant.name}: no role '{variant.role}'", f"one of {known}")
    for name, value in variant.cost.items():
        if name not in COSTS:
            raise InputError(f"{variant.name}: no cost '{name}'", f"one of {', '.join(COSTS)}")
        if not 0 <= value < float("inf"):
            raise InputError(f"{variant.name}: {name} of {value}", "give a number from 0 up")
