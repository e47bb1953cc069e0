"""Runs by minutes that are guarded: their rows fit the time, so that one is measured early enough to act."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import guarded
import pytest
from resumable import checkpoints
from variations import with_added_tokens

from mlm_pretrain.training.assembling.gathering import assemble
from mlm_pretrain.training.callbacks.forgetting import ForgettingCallback
from mlm_pretrain.training.pretrain import pretrain
from mlm_pretrain.training.probing.pace import Moment


@pytest.mark.parametrize(
    ("seconds_a_row", "rows", "looks"), [(0.01, 32, 5), (1e-6, 90, 11), (0.02, 16, 4)]
)
def test_as_many_rows_as_there_is_time_for(
    seconds_a_row: float,
    rows: int,
    looks: int,
    foreign: Path,
    general: Path,
    knowing: Path,
    tmp_path: Path,
) -> None:
    """1.8 of a run's 60 seconds are for it, what the fitting takes with them: five looks, or fewer only where
    16 rows take longer than that. A resumed run goes on with the same rows."""
    guard = {"data": str(general), "rows": 90}
    config = guarded.config(foreign, knowing, tmp_path / "run", guard, steps=None, minutes=1.0)
    materials = assemble(config)
    found, again = materials.guard, assemble(config).guard
    assert found is not None and again is not None and config.guard is not None
    now = [0.0, 0.0]  # before and after the pass that is timed, and once more

    def clock() -> float:
        now.append(now[-1] + (16 * seconds_a_row if len(now) == 3 else 0.0))
        return now[-1]

    found.fit(materials.model, 0.0, clock)
    assert found.measure.count == rows
    elapsed, taken = now[-1], 0
    for step in range(1_000):
        moment = Moment(step, min(1.0, elapsed / 60), elapsed, 60.0)
        if step == 0 or found.plan.is_due(moment, elapsed >= 60):
            found.plan.note(moment, rows * seconds_a_row, now[-1] if step == 0 else 0.0)
            taken, elapsed = taken + 1, elapsed + rows * seconds_a_row
        if elapsed >= 60:
            break
        elapsed = min(60.0, elapsed + 0.1)
    assert taken == looks
    wheres = [(one, materials.model, materials.budget) for one in (found, again)]
    first, second = (ForgettingCallback(config.guard, *where) for where in wheres)
    second.restore(json.loads(json.dumps(first.facts())))
    assert again.measure.count == rows
    second.restore({})
    assert again.measure.count == 90


def test_it_is_stopped_on_the_way(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    guard = {"data": str(general), "action": "stop", "budget_share": 0.4}
    own: dict[str, Any] = {"steps": None, "minutes": 0.3, "warmup_share": 0.0}
    result = pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard, **own))
    told = result["forgetting"]
    assert [one["action"] for one in told["actions"]] == ["stop"]
    assert result["seconds"] < 18 and told["rows"].keys() == {"general", "domain"}


@pytest.mark.fault("killed-mid-step")
def test_resumed_with_the_same_rows_and_words(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """Where tokens were added: the words that are hidden follow from the rows."""
    data, run = with_added_tokens(foreign, tmp_path / "data", [40, 41]), tmp_path / "run"
    guard = {"data": str(general), "budget_share": 0.3}
    own: dict[str, Any] = {"steps": None, "minutes": 0.1, "keep_checkpoints": 999}
    config = guarded.config(data, knowing, run, guard, **own)
    told = pretrain(config)["forgetting"]
    assert all(
        {"checkpoint", "before", "after"} == found.keys()
        for found in told["bits_per_byte"].values()
    )
    for checkpoint in checkpoints(run)[1:]:
        shutil.rmtree(checkpoint)
    shutil.rmtree(run / "model")
    for name in ("manifest.json", "metrics.json"):
        (run / name).unlink(missing_ok=True)
    again = pretrain(config, resume=True)["forgetting"]
    assert again["rows"] == told["rows"] and again["measures"][0] == told["measures"][0]
    for text, bits in again["bits_per_byte"].items():
        assert {**bits, "after": 0} == {**told["bits_per_byte"][text], "after": 0}
