"""The verb: flags over file, one JSON object on stdout, a dry run that writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_problems import opinions, questions
from typer.testing import CliRunner

from mlm_pretrain.cli import app
from mlm_pretrain.config import load_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig

RECIPES = Path(__file__).parents[2] / "recipes"


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["finetune", *map(str, words)])


@pytest.fixture
def recipe(write: Any, bert: str, tmp_path: Path) -> str:
    train, validation = write("t.jsonl", opinions(40, 0)), write("v.jsonl", opinions(10, 1))
    lines = [
        f"model: {bert}", f"train: {train}", f"validation: {validation}",
        f"out: {tmp_path / 'out'}", "batch_size: 4", "seed: 3", "epochs: 2",
        "embedding_rate: 0.5",
    ]  # fmt: skip
    return write("recipe.yaml", "\n".join(lines) + "\n")


def test_flags_go_before_set_and_set_before_the_file(recipe: str, tmp_path: Path) -> None:
    plan = ["sentiment", "--config", recipe, "--dry-run", "--json"]
    facts = json.loads(run(*plan).stdout)
    assert (facts["epochs"], facts["steps"], facts["train_examples"]) == (2.0, 20, 40)
    changed = [*plan, "--set", "epochs=3", "--set", "batch_size=8", "--epochs", 4, "--labels", 16]
    facts = json.loads(run(*changed).stdout)
    assert (facts["epochs"], facts["steps"], facts["train_examples"]) == (4.0, 8, 16)
    assert not (tmp_path / "out").exists()


def test_stdout_is_one_json_object_or_a_table_with_the_next_command(
    recipe: str, tmp_path: Path
) -> None:
    done = run("sentiment", "--config", recipe, "--json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["metrics"] == json.loads((tmp_path / "out" / "metrics.json").read_text())
    done = run("sentiment", "--config", recipe, "--overwrite")
    lines = done.stdout.splitlines()
    accuracy = f"{100 * result['metrics']['validation']['accuracy']:.1f}"
    [row] = [line.split() for line in lines if line.startswith("validation")]
    assert row[1] == accuracy
    assert lines[-1].startswith("next: mlm-pretrain finetune sentiment")
    # The command it proposes is one that works, up to the tokens of the shell.
    import shlex

    words = shlex.split(lines[-1].removeprefix("next: mlm-pretrain finetune "))
    done = run(*words, "--dry-run", "--json")
    facts = json.loads(done.stdout)
    assert facts["random_weights"] and facts["epochs"] == 2.0
    assert facts["out"] == str(tmp_path / "out-random")
    assert facts["embedding_rate"] == 1.0  # slow embeddings would only hold the baseline back


def test_mistakes_name_the_setting(recipe: str) -> None:
    for words, problem in [
        (["sentiment"], "not given: model, train, validation, out"),
        (["sentiment", "--config", recipe, "--set", "epoch=3"], "did you mean 'epochs'"),
        (["sentimant", "--config", recipe], "unknown task 'sentimant'"),
        (["sentiment", "--config", recipe, "--max-length", "128"], "max_length: 128 > 64"),
    ]:
        error = run(*words).exception
        assert isinstance(error, InputError) and problem in str(error), words


@pytest.mark.parametrize("silent_split", ["validation", "test"])
def test_splits_with_other_scores_share_a_table(
    silent_split: str, write: Any, bert: str, tmp_path: Path
) -> None:
    """Scores of unanswerable questions exist only where there are such questions."""
    words: list[object] = ["qa", "--model", bert, "--out", tmp_path / "out", "--set", "steps=1"]
    for seed, split in enumerate(("train", "validation", "test")):
        silent = split in ("train", silent_split)
        words += [f"--{split}", write(f"{split}.jsonl", questions(20, seed, silent))]
    done = run(*words)
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    place = rows["split"].index("no_answer_accuracy") - 1  # the header's "split (%)" is two words
    for split in ("validation", "test"):
        assert len(rows[split]) == len(rows["split"]) - 1
        assert (rows[split][place] == "–") == (split != silent_split)


@pytest.mark.parametrize("name", ["sentiment", "ner", "qa"])
def test_recipes_hold_known_settings_only_and_say_what_they_need(name: str) -> None:
    path = RECIPES / f"{name}.yaml"
    config = load_config(FinetuneConfig, path)
    assert config.train == f"demo/tasks/{name}/train.jsonl"
    text = path.read_text()
    assert all(f"# {word}:" in text for word in ("needs", "takes", "expected"))
    # What is commented out must be a setting as well.
    settings = text[text.index("\nmodel:") :].splitlines()
    for line in (line[2:] for line in settings if line.startswith("# ")):
        assert line.partition(":")[0] in FinetuneConfig.model_fields, line
