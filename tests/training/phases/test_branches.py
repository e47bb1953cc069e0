"""Branches of a level run: they begin with the same state, fall to zero, and are what one run would be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import phased
import pytest
import torch
from transformers import TrainerCallback

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling import assemble, build_trainer
from mlm_pretrain.training.checkpoints.generators import generator_states
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

# Lengths whose shares are whole binary numbers: the rates of one run are then to the bit those of two.
TRUNK, BRANCH = 8, 8
LEVEL = {"warmup_share": 0.0, "decay_share": 0.0}
FALLING = {"warmup_share": 0.0, "decay_share": 1.0, "arch": None, "steps": BRANCH}


def settings(data: Path) -> dict[str, Any]:
    """Four steps an epoch; a checkpoint after each."""
    rows = len(PackedDataset(data, "train"))
    return {"batch_size": -(-rows // 4), "optimizer": "muon", "keep_checkpoints": 20}


def config(data: Path, out: Path, few_rows: Path, **changes: Any) -> PretrainConfig:
    return phased.config(data, out, **{**settings(few_rows), **changes})


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trunk(few_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs on a level rate."""
    out = tmp_path_factory.mktemp("trunk") / "run"
    pretrain(config(few_rows, out, few_rows, steps=TRUNK, **LEVEL))
    return out


def beginning(settings_: PretrainConfig) -> dict[str, Any]:
    """Weights, optimiser, rates and generators as a run's first step finds them."""
    found: dict[str, Any] = {}

    class Look(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            model, optimizer = kwargs["model"], kwargs["optimizer"]
            found.setdefault("weights", {n: w.clone() for n, w in model.state_dict().items()})
            known = optimizer.state_dict()
            found.setdefault("optimizer", json.dumps(known["param_groups"], default=str))
            found.setdefault(
                "moments",
                {f"{n}.{k}": v.clone() for n, s in known["state"].items() for k, v in s.items()},
            )
            found.setdefault("generators", generator_states()["torch"])
            control.should_training_stop = True

    trainer = build_trainer(assemble(settings_), [Look()])
    trainer.train()
    return found


def same(some: dict[str, Any], others: dict[str, Any]) -> bool:
    return some.keys() == others.keys() and all(
        torch.equal(weight, others[name]) for name, weight in some.items()
    )


def test_branches_begin_with_the_same_state(
    few_rows: Path, prepared: Path, trunk: Path, tmp_path: Path
) -> None:
    """On the same text and on another."""
    found = [
        beginning(config(data, tmp_path / "run", few_rows, follows=str(trunk), **FALLING))
        for data in (few_rows, prepared)
    ]
    for part in ("weights", "moments"):
        assert found[0][part] and same(found[0][part], found[1][part])
    assert found[0]["optimizer"] == found[1]["optimizer"]
    assert torch.equal(found[0]["generators"], found[1]["generators"])
    from safetensors.torch import load_file

    saved = load_file(trunk / f"checkpoint-{TRUNK}" / "model.safetensors")
    assert same(saved, {name: found[0]["weights"][name] for name in saved})


def test_trunk_and_branch_are_one_run(
    few_rows: Path, prepared: Path, trunk: Path, tmp_path: Path
) -> None:
    one, same_text, other = (tmp_path / name for name in ("one", "same", "other"))
    share = BRANCH / (TRUNK + BRANCH)
    whole = {"steps": TRUNK + BRANCH, "warmup_share": 0.0, "decay_share": share}
    pretrain(config(few_rows, one, few_rows, **whole))
    branch = {**FALLING, "follows": str(trunk)}
    pretrain(config(few_rows, same_text, few_rows, **branch))
    pretrain(config(prepared, other, few_rows, **branch))
    assert weights(same_text) == weights(one) != weights(other)
    losses = [[line["loss"] for line in phased.log(run)] for run in (trunk, same_text, one)]
    assert losses[0] + losses[1] == losses[2]
    rates = [line["learning_rate"] for line in phased.log(same_text)]
    assert rates[-1] > 0 and rates == sorted(rates, reverse=True)


def test_a_branch_of_a_checkpoint(few_rows: Path, trunk: Path, tmp_path: Path) -> None:
    """Of a trunk that has not ended: gone on level it comes to what the trunk came to."""
    growing = Path(shutil.copytree(trunk, tmp_path / "growing"))
    shutil.rmtree(growing / "model")
    (growing / "manifest.json").unlink()
    place = growing / "checkpoint-4"
    on = {**FALLING, **LEVEL, "follows": str(place), "steps": 4}
    result = pretrain(config(few_rows, tmp_path / "on", few_rows, **on))
    assert weights(tmp_path / "on") == weights(trunk)
    assert result["epochs_begun"] == 2
    falling = {**FALLING, "follows": str(place), "steps": 4}
    pretrain(config(few_rows, tmp_path / "fall", few_rows, **falling))
    assert weights(tmp_path / "fall") != weights(trunk)
    # Its card counts the steps until then.
    export(tmp_path / "fall", tmp_path / "model")
    said = json.loads((tmp_path / "model" / "manifest.json").read_text("utf-8"))["config"]
    assert [phase["counts"]["steps"] for phase in said["phases"]] == [4, 4]


def test_a_checkpoint_that_cannot_be_followed(few_rows: Path, trunk: Path, tmp_path: Path) -> None:
    def refused(place: Path) -> str:
        own = {**FALLING, "follows": str(place)}
        with pytest.raises(InputError) as caught:
            pretrain(config(few_rows, tmp_path / "run", few_rows, **own))
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    copy = Path(shutil.copytree(trunk, tmp_path / "copy"))
    assert "no such checkpoint" in refused(copy / "checkpoint-99")
    (copy / "checkpoint-4" / "optimizer.safetensors").unlink()
    assert "optimizer.safetensors: missing" in refused(copy / "checkpoint-4")
    (copy / "manifest.json").unlink()
    assert "or follow one of its checkpoints" in refused(copy)
    away = Path(shutil.copytree(trunk / "checkpoint-4", tmp_path / "checkpoint-4"))
    assert "no run.json" in refused(away)
