"""What GLUE's site gets, and tasks that start from a model fine-tuned on MNLI."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from suite_runs import made_runs, pairs, run_suite, write
from tiny_problems import opinions

from benchmarks import glue
from benchmarks.glue_submission import site_label, site_table
from benchmarks.glue_tasks import BY_NAME, TASKS, files_to_predict, hub_task
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest

NLI = ["entailment", "neutral", "contradiction"]


def _hidden(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "label": -1, "idx": 100 + n} for n, row in enumerate(rows)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glue")
    cola = {"train": opinions(160, 1), "validation": opinions(30, 2), "test": opinions(10, 3)}
    write(folder / "cola", {**cola, "test": _hidden(cola["test"])})
    likeness = [0.0, 2.5, 5.0, 4.2]
    write(folder / "stsb", {n: pairs(36, i, likeness) for i, n in enumerate(("train", "dev"))})
    write(folder / "mnli", {
        "train": pairs(36, 1, NLI), "validation_matched": pairs(36, 2, NLI),
        "validation_mismatched": pairs(36, 3, NLI), "test_matched": _hidden(pairs(7, 4, NLI)),
        "test_mismatched": _hidden(pairs(5, 5, NLI)),
    })  # fmt: skip
    write(
        folder / "ax",
        {"test": [{k: v for k, v in r.items() if k != "label"} for r in pairs(4, 6, NLI)]},
    )
    yes_no = ["entailment", "not_entailment"]
    splits = {n: pairs(36, i, yes_no) for i, n in enumerate(("train", "validation"))}
    write(folder / "rte", splits)
    return folder


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_archive_holds_what_the_best_seed_predicts(
    data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    out = tmp_path / "handed in"
    flags = ["--tasks", "CoLA", "MNLI", "--submission", str(out)]
    run_suite(glue, monkeypatch, data, tmp_path, *flags, settings={"epochs": 4})
    with zipfile.ZipFile(out / "submission.zip") as archive:
        tables = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(tables) == {"CoLA.tsv", "MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"}
    shown = capsys.readouterr().out
    assert (
        "not run or without a test file: SST-2.tsv, MRPC.tsv, STS-B.tsv, QQP.tsv, QNLI.tsv, RTE"
        in shown
    )
    cells = {n: [line.split("\t") for line in t.splitlines()] for n, t in tables.items()}
    assert all(table[0] == ["index", "prediction"] for table in cells.values())
    counts = {"CoLA": 10, "MNLI-m": 7, "MNLI-mm": 5}
    for name, count in counts.items():
        indexes = [index for index, _ in cells[f"{name}.tsv"][1:]]
        assert indexes == [str(100 + n) for n in range(count)]
    assert [index for index, _ in cells["AX.tsv"][1:]] == ["0", "1", "2", "3"]

    records = [json.loads(path.read_text()) for path in made_runs(tmp_path)]
    plain = [r for r in records if r["task"] == "cola" and not r["config"]["unlabelled"]]
    best = max(plain, key=lambda r: (r["metrics"]["validation"]["matthews"], -r["seed"]))
    (path,) = (tmp_path / "cola").glob("*/predictions_unlabelled.jsonl")
    again = json.loads((path.parent / "record.json").read_text())
    assert (again["seed"], again["metrics"]) == (best["seed"], best["metrics"])
    guesses = [guess for _, guess in cells["CoLA.tsv"][1:]]
    assert guesses == [r["prediction"] for r in _rows(path)]
    assert sum(guess == str(n % 2) for n, guess in enumerate(guesses)) >= 9  # the hidden labels
    (path,) = (tmp_path / "mnli").glob("*/predictions_unlabelled.jsonl")
    guesses = [r["prediction"] for r in _rows(path)]
    names = [g for n in ("MNLI-m", "MNLI-mm", "AX") for _, g in cells[f"{n}.tsv"][1:]]
    assert names == guesses and set(guesses) <= set(NLI)


def test_tasks_start_from_mnli_with_a_head_of_their_own(
    data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    found = run_suite(glue, monkeypatch, data, tmp_path, "--from-mnli", "--tasks", "RTE", "STS-B")
    assert [of["from"] for of in found.values()] == ["MNLI", "MNLI"]
    made = made_runs(tmp_path)
    records = [(json.loads(path.read_text()), path.parent) for path in made]
    starts = {r["seed"]: folder for r, folder in records if r["task"] == "mnli"}
    assert set(starts) == {0, 1}
    for record, folder in records:
        if record["task"] != "mnli":
            assert Path(record["model"]) == starts[record["seed"]]
            # Of the classes' layer weight and bias are drawn afresh, and nothing else.
            assert read_manifest(folder, "finetune").counts["new_weights"] == 2
    assert len(records) == 2 + 4 and len(list(tmp_path.rglob("model.safetensors"))) == 1 + 2
    again = run_suite(glue, monkeypatch, data, tmp_path, "--from-mnli", "--tasks", "RTE", "STS-B")
    assert again == found and made_runs(tmp_path) == made
    alone = run_suite(glue, monkeypatch, data, tmp_path, "--tasks", "RTE")
    assert "from" not in alone["RTE"] and len(made_runs(tmp_path)) == len(made) + 2


def test_mnli_has_to_be_there(data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "rte").symlink_to(data / "rte")
    with pytest.raises(SystemExit, match=r"--from-mnli: .*only has no folder mnli"):
        run_suite(glue, monkeypatch, tmp_path / "only", tmp_path, "--from-mnli")
    assert not made_runs(tmp_path)


def test_labels_are_written_as_the_site_wants_them() -> None:
    def of(name: str, *guesses: Any) -> list[str]:
        return [site_label(BY_NAME[name], guess) for guess in guesses]

    assert of("CoLA", "unacceptable", "acceptable", "0", "1") == ["0", "1", "0", "1"]
    assert of("SST-2", "negative", "positive") == of("MRPC", "not_equivalent", "1") == ["0", "1"]
    assert of("QQP", "not_duplicate", "duplicate") == ["0", "1"]
    assert of("WNLI", "not_entailment", "entailment") == ["0", "1"]
    assert of("RTE", "entailment", "1") == of("QNLI", "0", "not_entailment")
    assert of("QNLI", "0", "1") == ["entailment", "not_entailment"]
    assert of("MNLI", "0", "neutral", "2") == NLI
    assert of("STS-B", -0.2, 3.14159, 5.5) == ["0.000", "3.142", "5.000"]
    assert site_table(BY_NAME["STS-B"], [{}, {"index": "7"}], [1, 2]) == (
        "index\tprediction\n0\t1.000\n7\t2.000\n"
    )
    for guess in ("maybe", "3", "-1"):
        with pytest.raises(InputError, match=f"MNLI: '{guess}' is no label"):
            of("MNLI", guess)


def test_the_hub_s_test_files_are_those_the_site_scores() -> None:
    places = [place for task in TASKS for place in files_to_predict(task, None).items()]
    assert len(places) == 11
    assert dict(places)["AX.tsv"] == "hf:nyu-mll/glue:ax@test"
    assert dict(places)["MNLI-mm.tsv"] == "hf:nyu-mll/glue:mnli@test_mismatched"
    assert "test" not in hub_task(BY_NAME["CoLA"]).settings
