"""Contrastive training goes on from a masked model and gives one back, on several processes too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import contrastive_processes
import package_process
import pytest
import torch
from safetensors.torch import load_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

SETTINGS: dict[str, Any] = {
    "positives": "spans", "bank_size": 64, "hard_negatives": 16, "projection": 16, "cached": True,
}  # fmt: skip


def test_a_masked_model_learns_to_tell_texts_apart(
    prepared: Path, tiny_model: Path, tmp_path: Path
) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), objective="contrastive", init=str(tiny_model),
        steps=6, batch_size=4, accumulation=2, precision="fp32", objective_settings=SETTINGS,
    )  # fmt: skip
    with pytest.raises(InputError, match="--dropout"):  # before the folder is touched
        pretrain(config.model_copy(update={"objective_settings": {"positives": "dropout"}}))
    assert not (tmp_path / "run").exists()
    assert pretrain(config)["validation"]["loss_nats"] > 0  # as the masked model that it still is
    export(tmp_path / "run", tmp_path / "model")
    before, after = (load_file(f / "model.safetensors") for f in (tiny_model, tmp_path / "model"))
    assert before.keys() == after.keys()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"model"}  # and not the head, which is no part of the loss
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "contrastive learning" in card and "feature-extraction" in card
    assert "the mean of the last states of its tokens" in card


def test_two_processes_keep_the_same_bank(prepared: Path, tmp_path: Path) -> None:
    done = package_process.run_on_two_processes(contrastive_processes.__file__, prepared, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{n}.json").read_text("utf-8")) for n in (0, 1))
    assert first["bank"] == second["bank"] and first["encoder"] == second["encoder"]
    assert {*first["written"]} - {-1} == {1, 2}
    assert len({tuple(key) for key in first["bank"]}) > 1
    assert len([step for step in first["written"] if step > 0]) == min(40, first["texts"])
