"""The baseline that fine-tuning is measured against learns what there is to learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import package_process
import pytest
import tiny_problems
from tiny_problems import mentions, opinions, praise, questions, save_model, wordpiece

from benchmarks import finetuning, finetuning_runs, finetuning_stock
from benchmarks.finetuning_stock import train_stock
from mlm_pretrain.finetune import finetune

# A task's problem, its score, and what a model that has learnt it reaches.
_CASES: dict[str, tuple[Any, str, float]] = {
    "sentiment": (opinions, "accuracy", 0.9),
    "regression": (praise, "spearman", 0.7),
    "ner": (mentions, "f1", 0.7),
    "qa": (questions, "f1", 0.6),
}


@pytest.mark.parametrize("kind", _CASES)
def test_the_stock_way_learns(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    problem, score, least = _CASES[kind]
    monkeypatch.setattr(finetuning_stock, "LENGTH", dict.fromkeys(_CASES, 40))
    monkeypatch.setattr(finetuning_stock, "STRIDE", 8)
    files = {}
    for split, count in (("train", 200), ("validation", 40)):
        path = tmp_path / f"{split}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in problem(count, count)))
        files[split] = str(path)
    model = save_model(tmp_path / "model", "bert", wordpiece())
    settings = {"epochs": 8, "learning_rate": 5e-3, "batch_size": 16}
    found = train_stock(kind, model, files, settings, 0, str(tmp_path / "out"))
    assert found[score] > least


def test_both_ways_get_the_same_rows(tmp_path: Path, monkeypatch: Any) -> None:
    data, work = tmp_path / "data" / "glue_rte", tmp_path / "work"
    data.mkdir(parents=True)
    work.mkdir()
    for split, count in (("train", 80), ("validation", 12)):
        rows = [json.dumps(row) for row in opinions(count, count)]
        (data / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(tiny_problems, "POSITIONS", 128)  # what the benchmark takes
    model = save_model(tmp_path / "model", "bert", wordpiece())
    given = [
        "--model",
        str(model),
        "--data",
        str(data.parent),
        "--work",
        str(work),
        "--tasks",
        "rte",
    ]
    record = tmp_path / "record.json"
    earlier = {"earlier": {"measured_at": "another day"}}
    record.write_text(json.dumps({"benchmark": "finetuning", "results": earlier}))
    given += ["--seeds", "1", "--train-rows", "40", "--out", str(record)]
    done = package_process.run(["-m", "benchmarks.finetuning", *given])
    assert done.returncode == 0, done.stderr[-3000:]
    few = (work / "rte-train-40.jsonl").read_text().splitlines()
    assert len(set(few)) <= 40 == len(few)
    assert set(few) <= set((data / "train.jsonl").read_text().splitlines())
    assert not (work / "rte-validation-40.jsonl").exists()  # it has all of its twelve
    found = json.loads(record.read_text())["results"]
    assert found["earlier"] == {"measured_at": "another day"}
    settings = found["rte"]["settings"]
    assert (settings["train_rows"], settings["learning_rate"]) == (40, 2e-5)
    assert settings["precision"] == "fp32"
    assert set(found["rte"]["inputs"]) == {"model", "train", "validation"}
    assert settings["device"] == finetuning_stock.device()
    assert all(len(found["rte"][way]["scores"]) == 1 for way in ("stock", "ours"))


def _files(folder: Path, train: list[Any], validation: list[Any]) -> dict[str, str]:
    files = {}
    for split, rows in (("train", train), ("validation", validation)):
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files[split] = str(path)
    return files


def test_ours_is_scored_after_the_last_epoch_as_stock_is(tmp_path: Path, monkeypatch: Any) -> None:
    """Where what is learnt is wrong of the validation split, so that the first epochs are the best."""
    one, other = sorted({row["label"] for row in opinions(40, 2)})
    turned = {one: other, other: one}
    validation = [{**row, "label": turned[row["label"]]} for row in opinions(40, 2)]
    files = _files(tmp_path, opinions(200, 1), validation)
    settings = {"epochs": 5, "learning_rate": 2e-3, "batch_size": 16}
    monkeypatch.setitem(finetuning_runs.SETTINGS, "sentiment", settings)
    monkeypatch.setitem(finetuning_stock.LENGTH, "sentiment", 40)
    model = save_model(tmp_path / "model", "bert", wordpiece())
    run = finetuning_runs.Run(finetuning_runs.TASKS["sst2"], model, files, 0, str(tmp_path / "out"))
    found = finetuning_runs.ours(run)
    config = finetuning_runs.config_of(run._replace(out=str(tmp_path / "again")))
    whole = finetune("sentiment", config.model_copy(update={"keep": "best"}))
    assert found["accuracy"] == whole["history"][-1]["accuracy"]
    assert found["accuracy"] < whole["metrics"]["validation"]["accuracy"]
    assert whole["precision"] == "fp32"


def test_no_way_cuts_a_sentence_that_the_model_takes(tmp_path: Path, monkeypatch: Any) -> None:
    long = {"tokens": ["the"] * 180 + ["oslo"], "ner_tags": ["O"] * 180 + ["B-PLACE"]}
    monkeypatch.setattr(tiny_problems, "POSITIONS", 256)
    tokenizer = wordpiece()
    monkeypatch.setattr(tokenizer, "model_max_length", 256)
    model = save_model(tmp_path / "model", "bert", tokenizer)
    _, encode, _, _ = finetuning_stock._KINDS["ner"](
        model, tokenizer, {"train": {"ner_tags": [long["ner_tags"]]}}
    )
    (labels,) = encode({name: [value] for name, value in long.items()}, None)["labels"]
    assert [label for label in labels if label != -100] == [1] * 180 + [0]
    files = _files(tmp_path, [long] * 8, [long])
    task = finetuning_runs.TASKS["wnut17"]
    config = finetuning_runs.config_of(
        finetuning_runs.Run(task, model, files, 0, str(tmp_path / "out"))
    )
    whole = finetune("ner", config.model_copy(update={"epochs": 1}))
    assert whole["max_length"] == 256 and not whole["counts"]["sentences_cut_into_windows"]


def test_runs_of_other_versions_and_settings_are_not_taken(
    tmp_path: Path, monkeypatch: Any
) -> None:
    data = tmp_path / "data" / "sst2"
    data.mkdir(parents=True)
    _files(data, opinions(40, 1), opinions(8, 2))
    model = save_model(tmp_path / "model", "bert", wordpiece())
    given = ["--model", model, "--data", str(data.parent), "--work", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["finetuning", *given])
    arguments = finetuning._parse()

    def keys() -> list[str]:
        return [
            finetuning._key(finetuning._run("sst2", way, arguments), way) for way in finetuning.WAYS
        ]

    seen = keys()
    assert keys() == seen
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "resolve_precision", lambda _: "bf16")
        stock, ours = keys()
    assert stock == seen[0] and ours != seen[1]  # the scripts' precision is their own
    arguments.learning_rate = 1e-4
    assert not {*keys()} & {*seen}
    arguments.learning_rate = None
    for change in (
        lambda patch: patch.setattr(finetuning, "versions", lambda: {"torch": "another"}),
        lambda patch: patch.setattr(finetuning, "device", lambda: "another"),
        lambda patch: patch.setitem(finetuning.LENGTH, "sentiment", 64),
        lambda patch: patch.setitem(finetuning_runs.SETTINGS["sentiment"], "epochs", 4),
    ):
        with monkeypatch.context() as patch:
            change(patch)
            seen += keys()
    assert len(set(seen)) == len(seen) == 2 * 5
    monkeypatch.setattr(finetuning, "code_hash", lambda: "another")
    stock, ours = keys()
    assert stock == seen[0] and ours not in seen
