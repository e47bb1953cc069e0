"""Runs by minutes that are guarded: their rows fit the time, so that one is measured early enough to act."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import guarded
import pytest

from mlm_pretrain.training.assembling.gathering import assemble
from mlm_pretrain.training.callbacks.forgetting import ForgettingCallback
from mlm_pretrain.training.pretrain import pretrain


@pytest.mark.parametrize(("seconds_a_row", "rows"), [(0.01, 36), (1e-6, 90), (1.0, 16)])
def test_a_run_by_minutes_shows_as_many_rows_as_it_has_time_for(
    seconds_a_row: float, rows: int, foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """1.8 of its 60 seconds, for five measurements; a resumed run goes on with the same rows."""
    guard = {"data": str(general), "rows": 90}
    config = guarded.config(foreign, knowing, tmp_path / "run", guard, steps=None, minutes=1.0)
    materials = assemble(config)
    found, again = materials.guard, assemble(config).guard
    assert found is not None and again is not None and config.guard is not None
    ticks = iter(n * 16 * seconds_a_row for n in range(2))
    found.fit(materials.model, lambda: next(ticks))
    assert found.measure.count == rows
    wheres = [(one, materials.model, materials.budget) for one in (found, again)]
    first, second = (ForgettingCallback(config.guard, *where) for where in wheres)
    second.restore(json.loads(json.dumps(first.facts())))
    assert again.measure.count == rows
    second.restore({})
    assert again.measure.count == 90


def test_a_run_by_minutes_is_stopped_on_the_way(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    guard = {"data": str(general), "action": "stop", "budget_share": 0.2}
    own: dict[str, Any] = {"steps": None, "minutes": 0.3, "warmup_share": 0.0}
    result = pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard, **own))
    told = result["forgetting"]
    assert [one["action"] for one in told["actions"]] == ["stop"]
    assert result["seconds"] < 0.75 * 18 and told["rows"] >= 16
