"""With --json a verb prints one object on stdout and nothing else; without it, lines and what next."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from package_process import call_verb

Capture = pytest.CaptureFixture[str]


def one_object(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return dict(json.loads(done.stdout))


def test_pretrain(prepared: Path, tmp_path: Path, capfd: Capture) -> None:
    words = ["pretrain", "--data", prepared, "--out", tmp_path / "run", "--arch", "bert:2x64"]
    words += ["--steps", 2, "--batch-size", 4, "--mask-unit", "ngram"]
    words += ["--mask-ratio", 0.2, "--mask-ratio-end", 0.1]
    result = one_object(call_verb(capfd, *words, "--json"))
    assert result["steps"] == 2
    assert result["validation"]["loss_nats"] > 0
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    masking = record["config"]["masking"]
    assert (masking["ratio"], masking["ratio_end"], masking["unit"]) == (0.2, 0.1, "ngram")


def test_export(tiny_run: Path, tmp_path: Path, capfd: Capture) -> None:
    result = one_object(call_verb(capfd, "export", tiny_run, "--out", tmp_path / "m", "--json"))
    assert result["logits_equal"] is True
    assert (tmp_path / "m" / "model.safetensors").is_file()


def test_evaluate(tiny_model: Path, prepared: Path, tmp_path: Path, capfd: Capture) -> None:
    words = ["evaluate", "--model", tiny_model, "--data", prepared, "--out", tmp_path]
    result = one_object(call_verb(capfd, *words, "--limit-rows", 20, "--json"))
    assert result["rows"] == 20
    assert result["perplexity"] == pytest.approx(math.exp(result["loss_nats"]))
    written = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert written["validation"]["loss_nats"] == result["loss_nats"]


def test_fill(tiny_model: Path, capfd: Capture) -> None:
    words = ["fill", "the [MASK] of the [MASK]", "--model", tiny_model, "--top", 3]
    masks = one_object(call_verb(capfd, *words, "--json"))["masks"]
    assert [len(guesses) for guesses in masks] == [3, 3]
    for guesses in masks:
        shares = [guess["probability"] for guess in guesses]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1


def test_env(capfd: Capture) -> None:
    result = one_object(call_verb(capfd, "env", "--json"))
    assert result["cores"] >= 1
    assert result["precision"] in ("bf16", "fp32")
    assert result["offline"] is True


def test_for_a_person(tiny_run: Path, tiny_model: Path, tmp_path: Path, capfd: Capture) -> None:
    exported = call_verb(capfd, "export", tiny_run, "--out", tmp_path / "m")
    assert exported.stdout.splitlines()[-1].startswith("next: mlm-pretrain finetune")
    filled = call_verb(capfd, "fill", "a [MASK]", "--model", tiny_model, "--top", 2)
    assert filled.stdout.splitlines()[0].split() == ["mask", "1", "probability"]


def test_only_the_first_process_speaks(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    done = call_verb(capfd, "env", "--json")
    assert (done.returncode, done.stdout) == (0, "")
