"""A mistake gets one message that names it and the way out, exit code 2, and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from package_process import call_verb, run_verb

Words = list[object]
RECIPE = "folder: runs/x\ncorpus: [installed-docs]\npretrain:\n  steps: 3\n"


def recipe(folder: Path, change: Callable[[str], str]) -> Words:
    path = folder / "recipe.yaml"
    path.write_text(change(RECIPE), encoding="utf-8")
    return ["pretrain", "--config", path]


CASES: dict[str, tuple[Callable[[Path], Words], list[str]]] = {
    "misspelt flag": (
        lambda _: ["pretrain", "--learning-rat", "1"],
        ["No such option", "--learning-rate"],
    ),
    "misspelt verb": (lambda _: ["pretrian"], ["No such command", "pretrain"]),
    "not a number": (lambda _: ["pretrain", "--steps", "many"], ["--steps", "valid integer"]),
    "not a choice": (
        lambda _: ["pretrain", "--optimizer", "sgd"],
        ["--optimizer", "sgd", "adamw", "muon"],
    ),
    "no folders": (lambda _: ["pretrain"], ["missing --data and --out", "--config"]),
    "no data there": (
        lambda p: ["pretrain", "--data", p / "none", "--out", p / "run"],
        [r"none: no manifest.json", "prepare"],
    ),
    "impossible steps": (
        lambda p: ["pretrain", "--data", p, "--out", p, "--steps", 0],
        ["pretrain.steps", "greater than or equal to 1"],
    ),
    "two lengths": (
        lambda p: ["pretrain", "--data", p, "--out", p, "--steps", 1, "--epochs", 1],
        ["only one of", "steps and epochs"],
    ),
    "no recipe": (lambda p: ["pretrain", "--config", p / "none.yaml"], ["none.yaml", "recipes/"]),
    "broken recipe": (
        lambda p: recipe(p, lambda text: text + "x: [1"),
        ["recipe.yaml", "not valid"],
    ),
    "unknown section": (
        lambda p: recipe(p, lambda text: text + "tokeniser:\n  use: x\n"),
        ["recipe.yaml", "unknown setting 'tokeniser'", "did you mean 'tokenizer'?"],
    ),
    "unknown key": (
        lambda p: recipe(p, lambda text: text + "  learning_rte: 0.1\n"),
        ["recipe.yaml", "pretrain.learning_rte", "did you mean 'learning_rate'?"],
    ),
    "number as text": (
        lambda p: recipe(p, lambda text: text + "  learning_rate: 1e-4\n"),
        ["recipe.yaml", "pretrain.learning_rate", "1.0e-4"],
    ),
    "section without settings": (
        lambda p: [*recipe(p, lambda text: text.replace("  steps: 3\n", "  3\n")), "--steps", 2],
        ["recipe.yaml", "'pretrain'"],
    ),
    "reading said twice": (
        lambda p: recipe(p, lambda text: text + "prepare:\n  read:\n    limit_bytes: 9\n"),
        ["prepare.read", "top level"],
    ),
    "override without value": (
        lambda p: [*recipe(p, str), "--set", "pretrain.steps"],
        ["--set pretrain.steps", "key=value"],
    ),
    "misspelt override": (
        lambda p: [*recipe(p, str), "--set", "pretrain.step=3"],
        ["pretrain.step", "did you mean 'steps'?"],
    ),
    "unknown architecture": (
        lambda p: ["pretrain", "--data", p, "--out", p, "--arch", "modernbrt-mini", "--dry-run"],
        ["modernbrt-mini", "did you mean modernbert-mini?"],
    ),
    "nothing to resume": (lambda p: ["pretrain", "--out", p, "--resume"], ["no run.json"]),
    "nothing to export": (lambda p: ["export", p, "--out", p / "m"], ["no run.json"]),
    "no model": (
        lambda p: ["evaluate", "--model", p / "none", "--data", p],
        ["none: cannot be read"],
    ),
}


@pytest.mark.fault("unknown-setting")
@pytest.mark.parametrize("name", CASES)
def test_mistakes(
    name: str, prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, parts = CASES[name]
    words = make(tmp_path)
    if name == "unknown architecture":
        words = [prepared if word == tmp_path else word for word in words]
    before = sorted(tmp_path.rglob("*"))
    done = call_verb(capfd, *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_fill_without_a_mask(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = call_verb(capfd, "fill", "nothing to do", "--model", tiny_model)
    assert done.returncode == 2
    assert "no [MASK] in the text" in done.stderr


def test_a_data_folder_of_another_stage(
    tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = call_verb(capfd, "pretrain", "--data", tiny_run, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "written by `pretrain`, but `prepare` output is needed" in done.stderr


def test_as_a_process(tmp_path: Path) -> None:
    done = run_verb("pretrain", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path / 'none.yaml'}: no such config file")
    assert "Traceback" not in done.stderr
