"""A recipe walks the whole way once; what is done is used again, what changed is made anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from package_process import call_verb
from small_recipes import Capture, run, written


@pytest.fixture
def recipe(texts: list[str], tmp_path: Path) -> Path:
    return written(
        texts, tmp_path,
        "prepare: {max_length: 32, validation_share: 0.2, processes: 1}",
        "pretrain: {arch: 'bert:2x64', steps: 4, batch_size: 4, masking: {ratio: 0.2}}",
    )  # fmt: skip


def stamps(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_whole_way_and_again(recipe: Path, tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "all"
    result, _ = run(capfd, recipe, "--set", "pretrain.steps=3")
    assert result["steps"] == 3
    assert Path(result["model_folder"]) == out / "model"
    assert {path.name for path in out.iterdir()} == {"tokenizer", "data", "run", "model"}
    record = json.loads((out / "run" / "run.json").read_text("utf-8"))
    assert record["config"]["masking"]["ratio"] == 0.2
    before = {name: stamps(out / name) for name in ("tokenizer", "data", "run")}
    again, said = run(capfd, recipe, "--steps", 3)
    assert {name: stamps(out / name) for name in before} == before
    assert said.count("done before") == 2
    assert "finished before" in said
    assert again == result


def test_flags_win_over_the_file(recipe: Path, tmp_path: Path, capfd: Capture) -> None:
    flags = ["--epochs", 1, "--batch-size", 3, "--mask-unit", "word", "--dry-run"]
    planned, _ = run(capfd, recipe, *flags)
    rows = json.loads((tmp_path / "all" / "data" / "manifest.json").read_text("utf-8"))
    assert planned["rows_a_step"] == 3  # the file says 4
    assert planned["steps"] == -(-rows["counts"]["train"]["rows"] // 3)
    assert not (tmp_path / "all" / "run").exists()  # a dry run trains nothing
    assert not (tmp_path / "all" / "model").exists()


def test_what_changed_is_made_anew(recipe: Path, tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "all"
    run(capfd, recipe, "--dry-run")
    before = {name: stamps(out / name) for name in ("tokenizer", "data")}
    _, said = run(capfd, recipe, "--dry-run", "--set", "prepare.seed=1")
    assert stamps(out / "tokenizer") == before["tokenizer"]
    assert f"{out / 'data'}: made with other settings or text, redone" in said
    run(capfd, recipe, "--dry-run", "--set", "tokenizer.vocab_size=500")
    tokenizer = json.loads((out / "tokenizer" / "manifest.json").read_text("utf-8"))
    data = json.loads((out / "data" / "manifest.json").read_text("utf-8"))
    assert tokenizer["config"]["vocab_size"] == data["counts"]["vocab_size"] == 500
    with (tmp_path / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"text": "One more document of the corpus, which says something new."}')
    run(capfd, recipe, "--dry-run", "--set", "tokenizer.vocab_size=500")
    anew = json.loads((out / "data" / "manifest.json").read_text("utf-8"))
    assert anew["counts"]["corpus"]["documents"] == data["counts"]["corpus"]["documents"] + 1


def test_a_recipe_on_data_that_exists(prepared: Path, tmp_path: Path, capfd: Capture) -> None:
    path = tmp_path / "recipe.yaml"
    settings = f"{{data: {prepared}, arch: 'bert:2x64', steps: 1, batch_size: 4}}"
    path.write_text(f"folder: {tmp_path / 'all'}\npretrain: {settings}\n", encoding="utf-8")
    assert run(capfd, path)[0]["steps"] == 1
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"run", "model"}


def test_several_processes_share_no_preparation(
    recipe: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = call_verb(capfd, "pretrain", "--config", recipe)
    assert done.returncode == 2
    assert "--dry-run in one process first" in done.stderr
