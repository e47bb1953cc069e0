"""A recipe in phases: data of each length once, phases in their order, and one model at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_process import call_verb
from small_recipes import Capture, run, written
from transformers import AutoModelForMaskedLM


@pytest.fixture
def recipe(texts: list[str], tmp_path: Path) -> Path:
    return written(
        texts, tmp_path,
        "prepare: {validation_share: 0.2, processes: 1}",
        "pretrain: {arch: 'roberta:2x64', batch_size: 4}",
        "phases:",
        "  - {name: short, steps: 4, prepare: {max_length: 32}}",
        "  - {name: words, steps: 2, prepare: {max_length: 32}, pretrain: {masking: {unit: word}}}",
        "  - {name: long, steps: 3, prepare: {max_length: 96}, pretrain: {batch_size: 2}}",
    )  # fmt: skip


def test_the_whole_way_and_again_with_another_end(
    recipe: Path, tmp_path: Path, capfd: Capture
) -> None:
    out = tmp_path / "all"
    result, said = run(capfd, recipe, "--set", "phases.words.steps=3")
    assert {p.name for p in out.iterdir()} == {"tokenizer", "data", "run", "model"}
    assert {p.name for p in (out / "data").iterdir()} == {"32", "96"}
    runs = ["1-short", "2-words", "3-long"]
    assert [part["name"] for part in result["phases"]] == runs
    assert [part["steps"] for part in result["phases"]] == [4, 3, 3]
    for number, name in enumerate(("short", "words", "long"), start=1):
        assert f"phase {number} of 3, {name}" in said
        assert f"pretrain {name}" in said  # the bar
    model = AutoModelForMaskedLM.from_pretrained(result["model_folder"])
    assert model.config.max_position_embeddings == 96 + model.config.pad_token_id + 1
    again, said = run(capfd, recipe, "--set", "phases.words.steps=3")
    assert again == result
    assert (said.count("done before"), said.count("finished before")) == (3, 3)
    refused = call_verb(capfd, "pretrain", "--config", recipe)
    assert refused.returncode == 2
    assert "run/2-words: was begun with other settings: steps: 3 → 2" in refused.stderr


def test_a_dry_run_has_a_column_for_each(recipe: Path, tmp_path: Path, capfd: Capture) -> None:
    done = call_verb(capfd, "pretrain", "--config", recipe, "--dry-run")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.split() == ["plan", "short", "words", "long", "all"]
    found = {line.split()[0]: line.split()[1:] for line in lines}
    assert found["steps"] == ["4", "2", "3", "9"]
    assert found["max_length"] == ["32", "32", "96"]
    assert not (tmp_path / "all" / "run").exists()


WRONG = {
    "another split": ("phases.long.prepare.validation_share=0.5", "give prepare.validation_share"),
    "data twice": ("phases.long.pretrain.data=x", "phases.long.prepare: would do nothing"),
    "misspelt": ("phases.long.stepps=3", "unknown setting 'phases.2.stepps' (did you mean 'steps'?)"),
    "misspelt below": ("phases.long.pretrain.sed=3", "phases.long.pretrain: unknown setting 'sed'"),
    "no such phase": ("phases.longer.steps=3", "no 'longer' in this list"),
    "a phase's name": ("phases.long=3", "'phases' is a list, not a section"),
    "a length for all": ("pretrain.steps=3", "pretrain.steps: would do nothing"),
}  # fmt: skip


@pytest.mark.fault("unknown-setting")
@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_before_any_work(
    name: str, recipe: Path, tmp_path: Path, capfd: Capture
) -> None:
    setting, message = WRONG[name]
    done = call_verb(capfd, "pretrain", "--config", recipe, "--set", setting)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "all").exists()
