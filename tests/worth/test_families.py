"""Which comparisons there are, and that none of them is shown by chance more often than is said."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import EXAMPLES, runs, variants

from mlm_pretrain.evaluation.statistics import Scorer, holm, scorer
from mlm_pretrain.worth import families
from mlm_pretrain.worth.choosing import choose
from mlm_pretrain.worth.families import (
    GAIN,
    TaskRuns,
    among,
    compared,
    joint_verdict,
    own_interval,
)

_REPEATS = 40


def test_each_question_is_a_family_of_its_own() -> None:
    """Two adapted models, a control, two tasks: 3 × 2 against the base, 2 × 2 against the control."""
    right = {
        "base": [100, 104, 96],
        "a": [112, 116, 109],
        "b": [101, 103, 97],
        "other": [103, 104, 99],
    }
    found = compared(variants("a", "b", control="other"), {"x": runs(right), "y": runs(right)})
    pairs = [(one.family, one.variant, one.against, one.task) for one in found]
    assert len(set(pairs)) == len(pairs) == 10
    assert pairs[:3] == [("gain", name, "base", "x") for name in ("a", "b", "other")]
    assert pairs[6:8] == [("domain", "a", "other", "x"), ("domain", "b", "other", "x")]
    for family, size in (("gain", 6), ("domain", 4)):
        members = among(found, family=family)
        assert [one.p_holm for one in members] == holm([one.effect.p_value for one in members])
        assert {one.level for one in members} == {0.05 / size}
    # 12 more right of 200, then 12, then 13: the mean is 37 of 600.
    assert found[0].effect.difference == pytest.approx(37 / 600)


def test_a_correction_is_not_made_for_questions_nobody_asked() -> None:
    right = {"base": [100, 104, 96], "a": [112, 116, 109]}
    (alone,) = compared(variants("a"), {"x": runs(right)})
    assert alone.p_holm == alone.effect.p_value and alone.level == 0.05
    more = compared(variants("a", "b"), {"x": runs({**right, "b": [100, 104, 96]})})
    assert [one.p_holm for one in more] == [2 * alone.p_holm, 1.0]


@pytest.mark.parametrize(
    ("verdicts", "joint"),
    [
        (["not shown", "better"], "better"),
        (["worse", "not shown"], "worse"),
        (["better", "worse"], "better and worse"),
        (["not shown"], "not shown"),
    ],
)
def test_a_verdict_over_tasks(verdicts: list[str], joint: str) -> None:
    assert joint_verdict(verdicts) == joint


def test_a_mean_has_its_own_interval() -> None:
    own = own_interval(runs({"a": [100, 104, 96]}), "a")
    assert own.difference == pytest.approx(0.5)
    assert own.low < 0.5 - 1.96 * (0.25 / EXAMPLES) ** 0.5 < own.high
    assert own.difference - own.low == pytest.approx(own.high - own.difference)


def _copies(generator: np.random.Generator, hardness_N: np.ndarray, seeds: int) -> list[Scorer]:
    """One model: hard examples are hard for every seed, and seeds differ."""
    made = []
    for _ in range(seeds):
        logit_N = 1.0 + 0.3 * generator.standard_normal() + hardness_N
        is_right_N = generator.random(len(hardness_N)) < 1 / (1 + np.exp(-logit_N))
        rows = [{"label": "1", "prediction": "1" if right else "0"} for right in is_right_N]
        made.append(scorer("sentiment", "accuracy", rows))
    return made


def test_copies_of_one_model_are_rarely_called_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base, three copies and a control on two tasks: any false verdict of a family counts once."""
    whole = families.paired_effect
    monkeypatch.setattr(families, "paired_effect", lambda *given: whole(*given, resamples=100))
    generator = np.random.default_rng(3)
    given = variants("a", "b", "c", control="other")
    names = [variant.name for variant in given]
    false = {"better": 0, "domain": 0, "kept": 0}
    for _ in range(_REPEATS):
        tasks = {}
        for task in ("x", "y"):
            hardness_N = 1.5 * generator.standard_normal(120)
            scorers = {name: _copies(generator, hardness_N, 5) for name in names}
            tasks[task] = TaskRuns(scorers, len(hardness_N), len(hardness_N))
        found = compared(given, tasks)
        gains, domain = among(found, family=GAIN), among(found, family="domain")
        of = {n: joint_verdict(c.verdict for c in gains if c.variant == n) for n in names}
        validation = {name: float(generator.standard_normal()) for name in names}
        false["better"] += "better" in of.values()
        false["domain"] += any(one.verdict != "not shown" for one in domain)
        false["kept"] += choose(given, validation, of).keep != "base"
    assert all(count <= 0.05 * _REPEATS for count in false.values()), false
