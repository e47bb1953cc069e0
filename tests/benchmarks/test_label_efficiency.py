"""Learning curves of a tiny model, from the command to the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import accuracy_score
from tiny_problems import opinions, save_model, wordpiece

from benchmarks import label_efficiency
from benchmarks.tfidf import tfidf_rows
from mlm_pretrain.compare import LabelledTask, parse_task


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> LabelledTask:
    folder = tmp_path_factory.mktemp("tasks") / "opinions"
    folder.mkdir()
    for split, count, seed in (("train", 48, 1), ("validation", 20, 2), ("test", 60, 3)):
        lines = [json.dumps(row) for row in opinions(count, seed)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return parse_task(f"sentiment:{folder}")


def _run(
    monkeypatch: Any, task: LabelledTask, model: str, work: Path, *more: str
) -> dict[str, Any]:
    folder = Path(task.settings["train"]).parent
    flags = ["--task", f"sentiment:{folder}", "--labels", "8", "16", "99", "--seeds", "2"]
    settings = ["--settings", json.dumps({"epochs": 1, "batch_size": 8}), "--work", str(work)]
    out = ["--out", str(work / "record.json")]
    monkeypatch.setattr("sys.argv", ["label_efficiency", model, *flags, *settings, *out, *more])
    label_efficiency.main()
    return dict(json.loads((work / "record.json").read_text())["results"])


def test_curves_and_savings_are_those_of_the_runs(
    task: LabelledTask, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    model = save_model(tmp_path / "model", "bert", wordpiece())
    found = _run(monkeypatch, task, model, tmp_path)["opinions, pretrained"]
    assert {name: list(of) for name, of in found["scores"].items()} == {
        "pretrained": ["8", "16"],  # 99 there are not
        "random": ["8", "16", "32", "48"],
        "tfidf": ["8", "16", "32", "48"],
    }
    assert [saving["labels"] for saving in found["saved"]] == [8, 16]
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("record.json")}
    runs = [json.loads(path.read_text()) for path in made if path.parent != tmp_path]
    assert len(runs) == 2 * 2 + 4 * 2
    scores = found["scores"]["random"]["32"]
    of_run = next(
        r["metrics"]["test"]["accuracy"]
        for r in runs
        if r["config"]["random_weights"] and r["train_examples"] == 32 and r["seed"] == 1
    )
    assert scores[1] == pytest.approx(100 * of_run, abs=0.01)
    assert "opinions: accuracy of test in percent, 2 seeds" in capsys.readouterr().out
    flags = ["--name", "again", "--arch", "bert:2x32"]
    again = _run(monkeypatch, task, model, tmp_path, *flags)
    assert again["opinions, pretrained"] == found
    settings = {"arch": "bert:2x32", "settings": found["settings"]["settings"]}
    moment = {"measured_at": again["opinions, again"]["measured_at"]}
    assert again["opinions, again"] == {**found, **moment, "settings": settings}
    assert found["settings"]["arch"] == "" and found["processor"]["cores"]
    assert found["versions"]["torch"]
    for path, moment in made.items():
        assert path.parent == tmp_path or path.stat().st_mtime_ns == moment


def test_words_alone_are_a_yardstick_that_takes_no_training(
    task: LabelledTask, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    model = save_model(tmp_path / "model", "bert", wordpiece())
    found = _run(monkeypatch, task, model, tmp_path, "--against", "tfidf")["opinions, pretrained"]
    assert list(found["scores"]) == ["pretrained", "tfidf"]
    runs = [path for path in tmp_path.rglob("record.json") if path.parent != tmp_path]
    assert len(runs) == 2 * 2
    assert [saving["labels"] for saving in found["saved"]] == [8, 16]
    assert "words alone need" in capsys.readouterr().out


def test_the_baseline_of_words_learns_from_the_same_labels(task: LabelledTask) -> None:
    rows = tfidf_rows(task, None, 0)
    assert len(rows) == 60
    sides = [[row[side] for row in rows] for side in ("label", "prediction")]
    assert accuracy_score(*sides) > 0.9  # one word tells
    assert tfidf_rows(task, 8, 0) != tfidf_rows(task, 8, 1)  # other labels
    assert tfidf_rows(task, 8, 1) == tfidf_rows(task, 8, 1)
