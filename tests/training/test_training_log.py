"""What a run leaves for readers, and that looking at it changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from torch._dynamo.utils import counters

from mlm_pretrain.modeling.compilation import compile_layers
from mlm_pretrain.training.assembling import assemble
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.validating import validate


def run(data: Path, out: Path, **changes: Any) -> dict[str, Any]:
    settings = {
        "arch": "bert:2x64",
        "batch_size": 8,
        "precision": "fp32",
        "log_every": 1,
        **changes,
    }
    return pretrain(PretrainConfig(data=str(data), out=str(out), **settings))


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]


def test_validating_changes_nothing(prepared: Path, tmp_path: Path) -> None:
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    first = run(prepared, plain, steps=4, dropout=0.1)
    second = run(prepared, watched, steps=4, dropout=0.1, validate_every=2)
    assert first["validation"] == second["validation"]
    weights = [(out / "model" / "model.safetensors").read_bytes() for out in (plain, watched)]
    assert weights[0] == weights[1]
    validated = [line for line in lines(watched) if "validation_loss" in line]
    assert [line["step"] for line in validated] == [2, 4]
    assert validated[-1]["validation_loss"] == pytest.approx(second["validation"]["loss_nats"])
    losses = [[line["loss"] for line in lines(out) if "loss" in line] for out in (plain, watched)]
    assert losses[0] == losses[1]


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_nothing_is_compiled_to_validate(prepared: Path, tmp_path: Path) -> None:
    """Its batches have other shapes than those that the layers were compiled for."""
    settings = {"arch": "bert:2x64", "steps": 1, "batch_size": 8, "precision": "fp32"}
    materials = assemble(PretrainConfig(data=str(prepared), out=str(tmp_path / "run"), **settings))
    expected = validate(materials)["loss_nats"]
    compile_layers(materials.model)
    counters.clear()
    assert validate(materials)["loss_nats"] == pytest.approx(expected, rel=1e-6)
    assert not counters["stats"]


def test_the_log_and_the_result(prepared: Path, tmp_path: Path) -> None:
    result = run(prepared, tmp_path / "run", steps=4)
    logged = lines(tmp_path / "run")
    assert [line["step"] for line in logged] == [1, 2, 3, 4]
    assert {"loss", "grad_norm", "learning_rate", "tokens", "tokens_per_second"} <= set(logged[0])
    assert logged[-1]["tokens"] == result["tokens"]
    assert 0 < result["tokens"] <= 4 * 8 * 64
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    assert scores["validation"] == result["validation"]
    kept = sorted(path.name for path in (tmp_path / "run" / "model").iterdir())
    assert "model.safetensors" in kept
    assert not [name for name in kept if name.endswith((".bin", ".pt", ".pth"))]


def test_the_bar_says_no_rate_of_a_first_step(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(prepared, tmp_path / "one", steps=1)
    one = capsys.readouterr().err
    run(prepared, tmp_path / "two", steps=2)
    two = capsys.readouterr().err
    assert "loss " in one and "tokens/s" not in one
    assert "tokens/s" in two


def test_a_run_by_the_clock(prepared: Path, tmp_path: Path) -> None:
    result = run(prepared, tmp_path / "run", minutes=0.05, learning_rate=1e-3)
    assert 3.0 <= result["seconds"] < 6.0
    rates = [line["learning_rate"] for line in lines(tmp_path / "run")]
    assert max(rates) == pytest.approx(1e-3)
    # The last step begins at most some steps' length before the end, however slow these are.
    assert rates[-1] < max(0.1, 4 / result["steps"]) * max(rates)
    assert rates[0] < 0.1 * max(rates)
    assert result["steps"] == lines(tmp_path / "run")[-1]["step"]
