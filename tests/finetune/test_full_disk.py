"""A disk that fills up while models are fine-tuned: what is said of how to go on is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from full_disk import full_disk
from test_run import config_of
from tiny_problems import opinions

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import finetune, search
from mlm_pretrain.manifest import UNFINISHED


@pytest.mark.fault("disk-full")
@pytest.mark.parametrize(("keeps_the_model", "longest_bytes"), [(True, 20_000), (False, 5_000)])
def test_a_disk_that_fills_up(
    keeps_the_model: bool, longest_bytes: int, write: Any, bert: str
) -> None:
    """While the weights are written, or with other files there the second file of predictions."""
    config = config_of(write, bert, opinions, 16, epochs=1, save_model=keeps_the_model)
    refused = pytest.raises(InputError, match="out: cannot be written further")
    with full_disk(longest_bytes), refused as said:
        finetune("sentiment", config)
    assert said.value.way_out == "free some space and run again with --overwrite"
    assert finetune("sentiment", config, overwrite=True)["metrics"]["test"]["accuracy"] >= 0
    assert not (Path(config.out) / UNFINISHED).exists()


@pytest.mark.fault("disk-full")
def test_it_is_no_trial_s_fault(write: Any, bert: str) -> None:
    """It ends the search; with room again no trial is taken to have failed."""
    config = config_of(write, bert, opinions, 64, epochs=1)
    space = {"learning_rate": [1e-8, 5e-3]}
    with full_disk(5_000), pytest.raises(InputError, match="cannot be written further") as said:
        search("sentiment", config, space=space, trials=2)
    assert "without --overwrite, goes on after the trials that are done" in said.value.way_out
    assert not list(Path(config.out).glob("trials/*/record.json"))
    found = search("sentiment", config, space=space, trials=2)
    assert [trial["state"] for trial in found["trials"]] == ["complete", "complete"]
