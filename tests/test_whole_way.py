"""What the README and the recipes promise, run as they stand but small: every stage is the real one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from package_process import environment

from mlm_pretrain.cli.demo_story import TASKS, DemoConfig, run_demo
from mlm_pretrain.cli.recipe import Recipe, run_recipe
from mlm_pretrain.config import load_config
from mlm_pretrain.finetune import FinetuneConfig, finetune

ROOT = Path(__file__).parent.parent
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
FINETUNE_RECIPES = {"sentiment", "ner", "qa"}
WRITING_RECIPES = {"summarization", "translation"}
SMALL = ["pretrain.minutes=0.05", "pretrain.batch_size=8", "prepare.processes=1"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A demo of seconds: (folder that holds demo/, what it measured)."""
    folder = tmp_path_factory.mktemp("whole_way")
    config = DemoConfig(
        out=str(folder / "demo"), minutes=0.1, labels=48, eval_examples=32, vocab_size=2048,
        corpus_bytes=600_000, arch="modernbert:2x64", max_length=64,
    )  # fmt: skip
    return folder, run_demo(config)


def test_the_demo_measures_all_three_tasks(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, result = demo
    assert [row["task"] for row in result["tasks"]] == list(TASKS)
    for row in result["tasks"]:
        assert row["gain"] == row["pretrained"] - row["random"]
        for start in ("random", "pretrained"):
            out = folder / "demo" / "finetuned" / f"{row['task']}-{start}"
            scores = json.loads((out / "metrics.json").read_text())
            assert scores["test"][row["metric"]] == row[start]
    assert all(len(fill["before"]) == len(fill["after"]) == 4 for fill in result["fills"])
    assert result["pretrain"]["tokens"] > 0


def test_no_evaluation_passage_of_the_demo_was_pretrained_on(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = demo
    lines = (folder / "demo" / "texts" / "corpus.jsonl").read_text().splitlines()
    corpus = " ".join(" ".join(json.loads(line)["text"].split()).lower() for line in lines)
    rows = (folder / "demo" / "tasks" / "sentiment" / "test.jsonl").read_text().splitlines()
    passages = [" ".join(json.loads(row)["text"].split()).lower() for row in rows]
    assert passages and not [p for p in passages if p in corpus]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_loads_and_says_what_it_needs(path: Path) -> None:
    cls = FinetuneConfig if path.stem in FINETUNE_RECIPES | WRITING_RECIPES else Recipe
    load_config(cls, path)
    text = path.read_text()
    for promise in ("# needs:", "# takes:", "# expected:", f"recipes/{path.name}"):
        assert promise in text, f"{path.name} does not say {promise}"
    assert not re.search(r"@[a-z]+@", text), "a figure was left out"


FROM_SCRATCH = ["pretrain_mini", "next_token_mini"]
FROM_A_CHECKPOINT = ["continue_checkpoint", "sentence_embeddings"]


@pytest.mark.parametrize("name", FROM_SCRATCH + FROM_A_CHECKPOINT)
def test_pretraining_recipes_walk_the_whole_way(
    name: str, demo: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo[0])
    changes = [*SMALL, f"folder=runs/{name}", "read.limit_bytes=300000"]
    if name in FROM_A_CHECKPOINT:
        changes.append("prepare.max_length=64")
    else:
        arch = "llama:2x64" if "next" in name else "modernbert:2x64"
        changes += [f"pretrain.arch={arch}", "tokenizer.vocab_size=1024", "prepare.max_length=64"]
    recipe = load_config(Recipe, ROOT / "recipes" / f"{name}.yaml", changes)
    result = run_recipe(recipe)
    assert result["steps"] >= 1
    assert result["validation"]["predicted_tokens"] > 0
    assert (Path(result["model_folder"]) / "model.safetensors").is_file()


def test_the_recipe_in_phases_walks_the_whole_way(
    demo: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo[0])
    small = ["folder=runs/phases", "read.limit_bytes=300000", "pretrain.arch=modernbert:2x64"]
    small += ["tokenizer.vocab_size=1024", "prepare.processes=1", "pretrain.steps=5"]
    lengths = ["phases.short.prepare.max_length=64", "phases.long.prepare.max_length=128"]
    result = run_recipe(load_config(Recipe, ROOT / "recipes" / "phases.yaml", [*small, *lengths]))
    assert [part["steps"] for part in result["phases"]] == [4, 1]
    assert (Path(result["model_folder"]) / "model.safetensors").is_file()
    # And a branch of its first phase.
    small = ["folder=runs/anneal", "read.limit_bytes=300000", "prepare.processes=1"]
    small += ["pretrain.steps=4", "pretrain.replay.data=runs/phases/data/64"]
    small += ["prepare.max_length=64", "pretrain.guard.data=runs/phases/data/64"]
    branch = run_recipe(load_config(Recipe, ROOT / "recipes" / "anneal.yaml", small))
    assert branch["replay"]["rows"] == pytest.approx(
        0.3 * branch["replay"]["domain_rows"] / 0.7, abs=1
    )
    assert branch["forgetting"]["general_after"] > 0 and branch["forgetting"]["before_step"] == 0


@pytest.mark.parametrize("task", sorted(FINETUNE_RECIPES))
def test_finetuning_recipes_run_on_what_the_demo_leaves(
    task: str, demo: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo[0])
    config = load_config(FinetuneConfig, ROOT / "recipes" / f"{task}.yaml", ["epochs=1"])
    assert set(finetune(task, config)["metrics"]) == {"validation", "test"}


def test_the_readme_commands_run_as_written(corpus_file: Path, tmp_path: Path) -> None:
    block = (ROOT / "README.md").read_text().split("## Your own text")[1].split("```")[1]
    commands = [shlex.split(line) for line in block.strip().splitlines()]
    assert [words[1] for words in commands] == [
        "tokenizer",
        "prepare",
        "pretrain",
        "export",
        "finetune",
    ]
    rows = [{"text": f"a {word} film", "label": word} for word in ("good", "bad")] * 16
    files = {
        "texts/": str(corpus_file.parent) + "/",
        "train.jsonl": "t.jsonl",
        "dev.jsonl": "v.jsonl",
    }
    for name in ("t.jsonl", "v.jsonl"):
        (tmp_path / name).write_text("\n".join(json.dumps(row) for row in rows))
    small = {"8192": "1000", "128": "64", "modernbert-mini": "modernbert:2x64", "20": "0.05"}
    for words in commands:
        arguments = [{**files, **small}.get(word, word) for word in words[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "mlm_pretrain", *arguments],
            cwd=tmp_path, env=environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}\n{done.stderr}"
    assert (tmp_path / "tuned" / "metrics.json").is_file()
