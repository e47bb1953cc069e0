"""Runs of which the right answers are written down, so that what follows from them is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlm_pretrain.evaluation.statistics import Effect, Scorer, scorer
from mlm_pretrain.worth.families import Comparison, TaskRuns
from mlm_pretrain.worth.variants import Variant

EXAMPLES = 200


def variants(*adapted: str, control: str = "") -> list[Variant]:
    """A base, adapted models that were trained for 54 minutes, and a control where it has a name."""
    cost = {"seconds": 54 * 60.0}
    found = [Variant("base", "models/base", "base")]
    found += [Variant(name, f"models/{name}", "adapted", cost) for name in adapted]
    return [*found, *([Variant(control, "models/control", "control", cost)] if control else [])]


def right(first: int) -> Scorer:
    """A run that has the first so many of the examples right."""
    answers = ["1"] * first + ["0"] * (EXAMPLES - first)
    rows = [{"label": "1", "prediction": answer} for answer in answers]
    return scorer("sentiment", "accuracy", rows)


def runs(right_by_seed: Mapping[str, Sequence[int]]) -> TaskRuns:
    """Of one task, by variant."""
    return TaskRuns(
        {name: [right(count) for count in counts] for name, counts in right_by_seed.items()},
        EXAMPLES,
        EXAMPLES,
    )


def said(
    variant: str,
    against: str,
    points: tuple[float, float, float],
    verdict: str,
    *,
    family: str = "gain",
    task: str = "ner",
) -> Comparison:
    """A comparison whose difference and interval are given in points."""
    difference, low, high = (point / 100 for point in points)
    effect = Effect(difference, low, high, 0.01, 0.004, 0.002, seeds=5, examples=500, drawn=500)
    return Comparison(family, task, variant, against, effect, 0.02, verdict)  # type: ignore[arg-type]
