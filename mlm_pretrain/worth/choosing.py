"""Which variant to keep, without picking it by the test files.

Whoever tries four models and reports the best one's test score reports luck as well. So the order is that of
the validation files, which no figure on the page comes from; the test files say one thing about each variant,
whether its gain is shown, and that is corrected for how many were asked. Kept is the first in the order whose
gain is shown, and the base where none is: so that where nothing differs something else than the base is kept
in at most 5 % of cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlm_pretrain.compare.comparison import BETTER
from mlm_pretrain.worth.variants import ADAPTED, BASE, Variant, of_role


@dataclass(frozen=True)
class Choice:
    """What to keep.

    Attributes:
        keep: a variant's name; the base's where no gain is shown.
        first: who is first by validation, whatever the test files say.
        order: names from the highest gain on validation to the lowest, the base among them.
        gains: on validation, over the base, the mean over tasks (shares of 1); of controls too.
    """

    keep: str
    first: str
    order: tuple[str, ...]
    gains: Mapping[str, float]


def choose(
    variants: Sequence[Variant], gains: Mapping[str, float], verdicts: Mapping[str, str]
) -> Choice:
    """The choice among the base and the adapted variants; a control is there to be beaten, not to be kept.

    Args:
        gains: by variant, over the base, on validation.
        verdicts: by variant, on the scored files (see `families.joint_verdict`).
    """
    base = of_role(variants, BASE)[0].name
    names = [base, *(variant.name for variant in of_role(variants, ADAPTED))]
    # The base comes first among equals: it costs nothing more.
    order = sorted(names, key=lambda name: -gains.get(name, 0.0))
    keep = next((name for name in order if name != base and verdicts[name] == BETTER), base)
    return Choice(keep, order[0], tuple(order), {v.name: gains.get(v.name, 0.0) for v in variants})
