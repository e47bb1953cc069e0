"""`pretrain` under torchrun, two processes on the processor, and under accelerate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from package_process import run, run_on_two_processes
from transformers import AutoModelForMaskedLM

from mlm_pretrain.manifest import read_manifest, verify
from mlm_pretrain.training.phases import Phase, pretrain_phases, resume_phases
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


def test_two_processes_make_one_run(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["pretrain", "--data", prepared, "--out", out, "--arch", "bert:2x64", "--steps", 4]
    words += ["--batch-size", 4, "--precision", "fp32", "--set", "pretrain.log_every=1", "--json"]
    done = run_on_two_processes("-m", "mlm_pretrain", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)  # one object: the first process speaks alone
    verify(out, read_manifest(out, "pretrain"))
    AutoModelForMaskedLM.from_pretrained(out / "model")
    logged = [json.loads(line) for line in (out / "log.jsonl").open(encoding="utf-8")]
    assert [line["step"] for line in logged] == [1, 2, 3, 4]  # one process writes
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "alone"), arch="bert:2x64", steps=4,
        batch_size=8, precision="fp32",
    )  # fmt: skip
    alone = pretrain(config)
    assert result["tokens"] == alone["tokens"]
    assert result["validation"]["loss_nats"] == pytest.approx(
        alone["validation"]["loss_nats"], rel=1e-4
    )


def test_accelerate_launch_makes_the_same_run(prepared: Path, tmp_path: Path) -> None:
    """It starts one process on a processor, with settings of its own in the environment."""
    settings = {"arch": "bert:2x64", "steps": 2, "batch_size": 4, "precision": "fp32"}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1"]
    launch += ["--num_processes", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    verb = ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--json", *flags]
    done = run([*launch, *verb, "--out", str(tmp_path / "launched")])
    assert done.returncode == 0, done.stderr[-3000:]
    alone = pretrain(PretrainConfig(data=str(prepared), out=str(tmp_path / "alone"), **settings))
    assert json.loads(done.stdout)["validation"]["loss_nats"] == pytest.approx(
        alone["validation"]["loss_nats"], rel=1e-4
    )


def test_two_processes_go_through_phases(prepared: Path, tmp_path: Path) -> None:
    """And one of them alone finds what they have finished."""
    out, phases = tmp_path / "run", [{"name": "a", "steps": 2}, {"name": "b", "steps": 3}]
    words = ["pretrain", "--data", prepared, "--out", out, "--arch", "bert:2x64", "--batch-size", 4]
    words += ["--precision", "fp32", "--set", f"phases={json.dumps(phases)}", "--json"]
    done = run_on_two_processes("-m", "mlm_pretrain", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert [part["steps"] for part in result["phases"]] == [2, 3]
    settings = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "alone"), arch="bert:2x64", batch_size=8,
        precision="fp32",
    )  # fmt: skip
    alone = pretrain_phases(settings, [Phase(**phase) for phase in phases])
    assert result["tokens"] == alone["tokens"]
    assert result["validation"]["loss_nats"] == pytest.approx(
        alone["validation"]["loss_nats"], rel=1e-4
    )
    assert resume_phases(out)["phases"] == result["phases"]
