"""The walk through adding an objective is true: its code runs, is short, and trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mlm_pretrain.objectives as room
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

WALK = Path(room.__file__).with_name("README.md")


@pytest.fixture(scope="module")
def walked() -> dict[str, Any]:
    """The names that the walk's two blocks of code define."""
    blocks = [part.split("```")[0] for part in WALK.read_text("utf-8").split("```python\n")[1:]]
    assert len(blocks) == 2
    code = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(code) < 60, "the walk promises less than 60 lines"
    names: dict[str, Any] = {"__name__": "swapped"}
    for block in blocks:
        exec(compile(block, str(WALK), "exec"), names)
    return names


def test_its_own_test_passes(walked: dict[str, Any], toy: Vocabulary) -> None:
    walked["test_swapped_neighbours"](toy)


def test_it_trains_with_everything_else(
    walked: dict[str, Any], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlm_pretrain.training import trainers

    objective = walked["OBJECTIVE"]
    monkeypatch.setitem(room.OBJECTIVES, "swapped", objective)
    trainer: Any = type("SwappedTrainer", (trainers.TokenTrainer,), {"objective": objective})
    monkeypatch.setitem(trainers.TRAINERS, "swapped", trainer)
    losses = []
    for name in ("once", "again"):
        config = PretrainConfig(
            data=str(prepared), out=str(tmp_path / name), arch="bert:2x64", objective="swapped",
            objective_settings={"share": 0.3}, steps=30, batch_size=16, learning_rate=3e-3,
            log_every=1, precision="fp32",
        )  # fmt: skip
        result = pretrain(config)
        losses.append(result["validation"]["loss_nats"])
        log = (tmp_path / name / "log.jsonl").read_text("utf-8").splitlines()
    assert losses[0] == losses[1]
    first, last = (json.loads(line)["loss"] for line in (log[0], log[-1]))
    assert last < 0.9 * first


def test_every_objective_stands_in_the_table() -> None:
    text = WALK.read_text("utf-8")
    assert all(f"| `{name}` |" in text for name in room.OBJECTIVES)
