"""A plan tells what the run will do, from real steps, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import package_process
import pytest
import torch
from resumable import config

from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.training.defaults import default_batch_size, tokens_that_fit
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import pretrain


def test_a_plan_is_what_the_run_then_does(prepared: Path, tmp_path: Path) -> None:
    settings = config(prepared, tmp_path / "run", steps=7, batch_size=8, accumulation=2)
    planned = plan(settings)
    assert list(tmp_path.iterdir()) == []
    result = pretrain(settings)
    assert planned["parameters"] == result["parameters"]
    assert planned["steps"] == result["steps"] == 7
    assert planned["tokens_in_all"] == pytest.approx(result["tokens"], rel=0.1)
    assert planned["attention"] == result["attention"]
    expected = planned["tokens_a_step"] / planned["seconds_a_step"]
    assert planned["tokens_per_second"] == pytest.approx(expected, rel=0.01)
    assert 0 < planned["share_of_matrix_rate"] < 1
    assert planned["memory_gb"] > 0.1


def test_the_command_line_shows_it(prepared: Path, tmp_path: Path) -> None:
    done = package_process.run(
        ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--out", str(tmp_path / "run"),
         "--arch", "bert:2x64", "--minutes", "3", "--dry-run", "--json"]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    planned = json.loads(done.stdout)
    assert planned["minutes"] == 3
    assert planned["steps"] == pytest.approx(180 / planned["seconds_a_step"], rel=0.05)
    assert "limited_by" in planned
    assert not (tmp_path / "run").exists()


def test_a_batch_fits_the_memory_of_a_gpu(prepared: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, seed=0)
    parameters = sum(p.numel() for p in model.parameters())
    assert tokens_that_fit(model, 10 * parameters) == 0
    small = tokens_that_fit(model, 20 * parameters + 10_000_000)
    assert 0 < small < tokens_that_fit(model, 20 * parameters + 20_000_000)
    assert default_batch_size(512, None, gpu_tokens=small) == min(32_768, small) // 512
    assert default_batch_size(512, None, gpu_tokens=10**9) == 64
    assert default_batch_size(512, None, gpu_tokens=0) == 1
    assert default_batch_size(128, 5.0, gpu_tokens=None) == 8
    assert torch.get_num_threads() >= 1
