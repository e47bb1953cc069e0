"""Who is better than whom: the comparisons of each question, corrected for how many it takes.

There are two questions, and each is a family of comparisons with a 5 % of its own. "gain": is a variant
better than the base? All variants, controls too, on all tasks. "domain": is an adapted model better than a
control that was trained as much on other text? All adapted models against all controls on all tasks. Within a
family p-values are corrected by Holm's method, so that where nothing differs the chance of even one false
"better" or "worse" among its answers is at most 5 %.

That a gain is shown of one model and not of another does not show that the two differ (Gelman & Stern 2006,
"The difference between significant and not significant is not itself statistically significant"), so
the second question is asked of the two directly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mlm_pretrain.compare.comparison import BETTER, NOT_SHOWN, WORSE, verdict
from mlm_pretrain.evaluation.statistics import Effect, Scorer, holm, paired_effect
from mlm_pretrain.evaluation.statistics.effect import LEVEL
from mlm_pretrain.worth.variants import ADAPTED, BASE, CONTROL, Variant, of_role

Family = Literal["gain", "domain"]
GAIN: Family = "gain"
DOMAIN: Family = "domain"
MIXED = "better and worse"  # on one task and on another


@dataclass(frozen=True)
class TaskRuns:
    """One task's runs.

    Attributes:
        scorers: of the scored split, by variant, one a seed.
        examples: how many there are in it.
        drawn: of what they were drawn as, which of questions is paragraphs.
    """

    scorers: Mapping[str, Sequence[Scorer]]
    examples: int
    drawn: int


@dataclass(frozen=True)
class Comparison:
    """A variant against another on one task; `effect` is of shares of 1, variant minus `against`.

    Attributes:
        p_holm: its p-value, corrected for the whole family.
        level: of the strictest step of the correction: what is below it is shown, whatever the others.
    """

    family: Family
    task: str
    variant: str
    against: str
    effect: Effect
    p_holm: float = 1.0
    verdict: str = NOT_SHOWN
    level: float = LEVEL

    @property
    def seeds_needed(self) -> int | None:
        """Seeds with which a difference of this size would show; None where no number of them would."""
        return self.effect.seeds_needed(self.level)

    @property
    def examples_needed(self) -> int | None:
        """Test examples with which it would show even were seeds no matter; None for no difference."""
        return self.effect.examples_needed(self.level)


def compared(variants: Sequence[Variant], runs: Mapping[str, TaskRuns]) -> list[Comparison]:
    """All comparisons of both questions, judged.

    Args:
        runs: by the task's name.
    """
    found = []
    for family, pairs in (GAIN, gain_pairs(variants)), (DOMAIN, domain_pairs(variants)):
        members = [
            Comparison(family, task, variant, against, _effect(of_task, variant, against))
            for task, of_task in runs.items()
            for variant, against in pairs
        ]
        found += _judged(members)
    return found


def gain_pairs(variants: Sequence[Variant]) -> list[tuple[str, str]]:
    """Every variant and the base."""
    bases = of_role(variants, BASE)
    return [(one.name, of.name) for of in bases for one in variants if one != of]


def domain_pairs(variants: Sequence[Variant]) -> list[tuple[str, str]]:
    """Every adapted variant and every control."""
    controls = of_role(variants, CONTROL)
    return [(one.name, of.name) for one in of_role(variants, ADAPTED) for of in controls]


def joint_verdict(verdicts: Iterable[str]) -> str:
    """Of one variant over its tasks: what was shown on any, unless both were."""
    given = set(verdicts)
    if {BETTER, WORSE} <= given:
        return MIXED
    return BETTER if BETTER in given else WORSE if WORSE in given else NOT_SHOWN


def gain_verdict(comparisons: Iterable[Comparison], variant: str) -> str:
    """Of a variant against the base, over all tasks."""
    return joint_verdict(one.verdict for one in among(comparisons, family=GAIN, variant=variant))


def among(comparisons: Iterable[Comparison], **wanted: str) -> list[Comparison]:
    """Those whose attributes are as `wanted`."""
    return [one for one in comparisons if all(getattr(one, k) == v for k, v in wanted.items())]


def own_interval(runs: TaskRuns, variant: str) -> Effect:
    """A variant's mean score with its interval, which is its difference from no right answer at all."""
    nothing: list[Scorer] = [lambda weights_RN: np.zeros(len(weights_RN))] * len(
        runs.scorers[variant]
    )
    return paired_effect(nothing, runs.scorers[variant], runs.examples, runs.drawn)


def _effect(runs: TaskRuns, variant: str, against: str) -> Effect:
    scorers = (runs.scorers[against], runs.scorers[variant])
    return paired_effect(*scorers, runs.examples, runs.drawn)


def _judged(family: list[Comparison]) -> list[Comparison]:
    adjusted = holm([one.effect.p_value for one in family])
    return [
        replace(
            one,
            p_holm=p_value,
            verdict=verdict(one.effect.difference, p_value),
            level=LEVEL / len(family),
        )
        for one, p_value in zip(family, adjusted, strict=True)
    ]
