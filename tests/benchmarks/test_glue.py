"""GLUE on small files: official scores, tasks that are missing, and runs that are not made twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import accuracy_score, f1_score
from suite_runs import made_runs, pairs, run_suite, write
from tiny_problems import opinions

from benchmarks import glue
from benchmarks.glue_tasks import BY_NAME, TASKS, hub_task


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glue")
    write(folder / "glue_cola", {"train": opinions(48, 1), "validation": opinions(30, 2)})
    same = ["equivalent", "equivalent", "not_equivalent"]
    names = ("train", "validation", "test")
    write(folder / "mrpc", {n: pairs(36, i, same) for i, n in enumerate(names)})
    likeness = [0.0, 2.5, 5.0, 4.2]
    write(folder / "stsb", {n: pairs(36, i, likeness) for i, n in enumerate(names[:2])})
    three = ["entailment", "neutral", "contradiction"]
    names = ("train", "validation_matched", "validation_mismatched")
    write(folder / "mnli", {n: pairs(36, i, three) for i, n in enumerate(names)})
    return folder


def test_scores_are_the_official_ones_and_what_is_missing_is_named(
    data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    found = run_suite(glue, monkeypatch, data, tmp_path)
    assert list(found) == ["CoLA", "MRPC", "STS-B", "MNLI"]
    shown = capsys.readouterr().out
    assert "no mean over all nine: SST-2, QQP, QNLI, RTE, WNLI not there" in shown

    made = made_runs(tmp_path)
    assert len(made) == 8
    records = {
        (r["task"], r["seed"]): (r, path) for path in made for r in [json.loads(path.read_text())]
    }
    path = records["mrpc", 1][1]
    rows = [
        json.loads(x) for x in (path.parent / "predictions_test.jsonl").read_text().splitlines()
    ]
    sides = [[row[side] for row in rows] for side in ("label", "prediction")]
    accuracy, f1 = accuracy_score(*sides), f1_score(*sides, pos_label="equivalent")
    assert found["MRPC"]["score"][1] == pytest.approx(50 * (accuracy + f1), abs=0.01)
    assert (found["MRPC"]["scored"], found["CoLA"]["scored"]) == ("test", "validation")
    of_run = records["stsb", 0][0]["metrics"]["validation"]
    mean = 50 * (of_run["pearson"] + of_run["spearman"])
    assert found["STS-B"]["score"][0] == pytest.approx(mean, abs=0.01)
    of_run = records["mnli", 0][0]["metrics"]
    both = of_run["validation"]["accuracy"] + of_run["test"]["accuracy"]
    assert found["MNLI"]["score"][0] == pytest.approx(50 * both, abs=0.01)
    assert found["MNLI"]["mismatched"][0] == pytest.approx(
        100 * of_run["test"]["accuracy"], abs=0.01
    )

    assert run_suite(glue, monkeypatch, data, tmp_path, "--tasks", "MRPC", "RTE") == {
        "MRPC": found["MRPC"]
    }
    assert made_runs(tmp_path) == made


def test_a_folder_without_any_task_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(SystemExit, match=r"none of the folders rte \(or glue_"):
        run_suite(glue, monkeypatch, tmp_path, tmp_path, "--tasks", "RTE")


def test_the_hub_s_splits_and_fields() -> None:
    task = hub_task(BY_NAME["MNLI"])
    assert task.settings == {
        "train": "hf:nyu-mll/glue:mnli@train",
        "validation": "hf:nyu-mll/glue:mnli@validation_matched",
        "test": "hf:nyu-mll/glue:mnli@validation_mismatched",
        "text_field": "premise",
        "text_pair_field": "hypothesis",
        "metric": "accuracy",
    }
    assert [hub_task(t).kind for t in TASKS].count("regression") == 1
    assert "text_pair_field" not in hub_task(BY_NAME["CoLA"]).settings


def test_labels_of_which_none_is_the_positive_one_are_refused_before_any_run(
    tmp_path: Path, monkeypatch: Any
) -> None:
    write(tmp_path / "mrpc", {n: pairs(36, 1, [True, False]) for n in ("train", "validation")})
    with pytest.raises(SystemExit, match=r"MRPC's labels are False, True"):
        run_suite(glue, monkeypatch, tmp_path, tmp_path, "--tasks", "MRPC")
