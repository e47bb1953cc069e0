"""Real fine-tunings of models of which it is known which is better."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
from tiny_problems import subjects

from mlm_pretrain.compare import Grid, compare, parse_task, plan
from mlm_pretrain.compare.comparison import verdict
from mlm_pretrain.errors import InputError

SETTINGS = {"max_train_examples": 16, "epochs": 2}


@pytest.fixture(scope="module")
def result(ignorant: str, knowing: str, task_folder: Path, shared: Path) -> dict[str, Any]:
    tasks = [parse_task(f"sentiment:{task_folder}")]
    return compare(ignorant, knowing, tasks, shared, seeds=3, settings=SETTINGS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparison")


def test_the_model_that_knows_the_task_is_better(result: dict[str, Any], shared: Path) -> None:
    found = result["tasks"]["opinions"]
    assert found["verdict"] == "better" and found["p_holm"] < 0.05
    assert 0 < found["low"] < found["difference"] < found["high"]
    first, second = found["means"]
    assert found["difference"] == pytest.approx(second - first)
    assert [statistics.mean(side) for side in found["scores"]] == [first, second]
    assert (found["seeds"], found["examples"], found["scored"]) == (3, 200, "test")
    assert json.loads((shared / "comparison.json").read_text()) == json.loads(json.dumps(result))


def test_the_other_way_round_it_is_worse_and_no_run_is_made_again(
    result: dict[str, Any], ignorant: str, knowing: str, task_folder: Path, shared: Path
) -> None:
    made = {path: path.stat().st_mtime_ns for path in shared.rglob("record.json")}
    assert len(made) == 6
    next(iter(made)).unlink()  # as if this run had been killed
    tasks = [parse_task(f"sentiment:{task_folder}")]
    turned = compare(knowing, ignorant, tasks, shared, seeds=3, settings=SETTINGS)
    found, before = turned["tasks"]["opinions"], result["tasks"]["opinions"]
    assert found["verdict"] == "worse"
    assert found["scores"] == before["scores"][::-1]
    assert found["low"] == pytest.approx(-before["high"])
    now = {path: path.stat().st_mtime_ns for path in shared.rglob("record.json")}
    assert now.keys() == made.keys()
    assert sum(now[path] != made[path] for path in made) == 1


def test_a_copy_is_not_shown_to_differ(
    ignorant: str, copied: str, task_folder: Path, tmp_path: Path
) -> None:
    tasks = [parse_task(f"sentiment:{task_folder}")]
    found = compare(ignorant, copied, tasks, tmp_path, seeds=2, settings=SETTINGS)
    of_task = found["tasks"]["opinions"]
    assert (of_task["difference"], of_task["verdict"]) == (0.0, "not shown")
    assert not list(tmp_path.rglob("*.safetensors"))  # weights are not kept


def test_a_record_says_what_was_run(result: dict[str, Any], shared: Path, knowing: str) -> None:
    records = [json.loads(path.read_text()) for path in shared.rglob("record.json")]
    record = next(r for r in records if r["model"] == knowing and r["seed"] == 2)
    assert record["inputs"]["train"]["xxh3_128"] and record["inputs"]["model"]
    assert record["config"]["max_train_examples"] == record["train_examples"] == 16
    assert record["versions"]["torch"] and record["processor"]["cores"] and record["seconds"] > 0
    of_seed = result["tasks"]["opinions"]["scores"][1][2]
    assert record["metrics"]["test"]["accuracy"] == of_seed


def test_the_plan_names_every_run_and_trains_nothing(
    ignorant: str, knowing: str, task_folder: Path
) -> None:
    tasks = [parse_task(f"sentiment:{task_folder}")]
    facts = plan(ignorant, knowing, tasks, 5, SETTINGS)
    assert facts["runs"] == 10
    assert facts["each"][f"opinions {knowing}"]["train_examples"] == 16


def test_what_cannot_be_compared_is_said_before_anything_is_run(
    ignorant: str, task_folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    task = parse_task(f"sentiment:{task_folder}")
    with pytest.raises(InputError, match="seeds: 1, but one run tells nothing"):
        compare(ignorant, ignorant, [task], tmp_path, seeds=1)
    with pytest.raises(InputError, match="two tasks are called opinions"):
        compare(ignorant, ignorant, [task, task], tmp_path, seeds=2)
    written = parse_task(f"summarization:{task_folder}")
    with pytest.raises(InputError, match=r"no intervals for the scores of summarization\n.*sentim"):
        compare(ignorant, ignorant, [written], tmp_path, seeds=2)
    with pytest.raises(InputError, match="without torchrun"):
        monkeypatch.setenv("WORLD_SIZE", "2")
        compare(ignorant, ignorant, [task], tmp_path, seeds=2)
    assert not any(tmp_path.iterdir())


def test_a_verdict_needs_a_p_value_below_the_level() -> None:
    assert verdict(0.1, 0.049) == "better"
    assert verdict(-0.1, 0.049) == "worse"
    assert verdict(0.1, 0.05) == "not shown"


def test_a_model_that_was_changed_in_its_place_is_run_again(
    ignorant: str, knowing: str, task_folder: Path, tmp_path: Path
) -> None:
    """Also where its manifest still speaks of the weights that were there before."""
    grid = Grid(tmp_path / "runs")
    task = parse_task(f"sentiment:{task_folder}").over(SETTINGS)
    model = shutil.copytree(ignorant, tmp_path / "model")
    first = grid.run(str(model), task, 0)["key"]
    assert grid.run(str(model), task, 0)["key"] == first
    shutil.copy(Path(knowing) / "model.safetensors", model)
    assert grid.run(str(model), task, 0)["key"] != first


def test_the_command_line_prints_a_table_and_the_verdict(
    result: dict[str, Any], ignorant: str, knowing: str, task_folder: Path, shared: Path
) -> None:
    from typer.testing import CliRunner

    from mlm_pretrain.cli import app

    task = f"sentiment:{task_folder}"
    flags = ["--task", task, "--labels", "16", "--set", "epochs=2", "--seeds", "3"]
    done = CliRunner().invoke(app, ["compare", ignorant, knowing, *flags, "--out", str(shared)])
    assert done.exit_code == 0, done.output
    row = next(line for line in done.output.splitlines() if line.startswith("opinions"))
    found = result["tasks"]["opinions"]
    difference, low, high = (f"{100 * found[key]:+.1f}" for key in ("difference", "low", "high"))
    assert row.endswith("better") and f"{difference}  {low} to {high}" in row


def test_sets_of_labels_are_compared_too(ignorant: str, copied: str, tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    folder.mkdir()
    for split, count, seed in (("train", 160, 1), ("validation", 40, 2)):
        lines = [json.dumps(row) for row in subjects(count, seed)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    more = {"learning_rate": 5e-3, "epochs": 20, "embedding_rate": 1.0, "metric": "f1_macro"}
    tasks = [parse_task(f"multilabel:{folder}").over({"learning_rate": 1e-6, "epochs": 1})]
    found = compare(ignorant, copied, tasks, tmp_path / "out", seeds=2, settings=more)
    of_task = found["tasks"]["colours"]
    assert (of_task["metric"], of_task["examples"], of_task["difference"]) == ("f1_macro", 40, 0.0)
    assert min(of_task["means"]) > 0.1  # of settings over the task's own, which teach nothing


def test_settings_of_a_comparison_go_before_the_task_s(
    ignorant: str, copied: str, task_folder: Path, tmp_path: Path
) -> None:
    """With another test file, that one is what is scored."""
    tasks = [parse_task(f"sentiment:{task_folder}")]
    other = {**SETTINGS, "test": str(task_folder / "validation.jsonl")}
    found = compare(ignorant, copied, tasks, tmp_path, seeds=2, settings=other)["tasks"]["opinions"]
    assert (found["scored"], found["examples"]) == ("test", 60)
