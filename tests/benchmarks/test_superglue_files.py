"""Official rows, and the Hub's, become the same rows of texts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from suite_runs import write
from superglue_samples import CONVERTED, COPA, MULTIRC, OFFICIAL, RECORD

from benchmarks.superglue_files import converted, converted_files, thinned
from benchmarks.superglue_tasks import BY_NAME, task_source
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.sources import Row


def _converted(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(converted(name, [Row(row, f"x:{n}") for n, row in enumerate(rows, 1)]))


def _secret(value: Any) -> Any:
    """Without labels and answers, as official test files are."""
    if isinstance(value, list):
        return [_secret(each) for each in value]
    if isinstance(value, dict) and ("questions" in value or "passage" in value or "qas" in value):
        return {k: _secret(v) for k, v in value.items() if k != "label"}
    if isinstance(value, dict):
        hidden = {"label"} | ({"answers"} if "query" in value else set())
        return {k: _secret(v) for k, v in value.items() if k not in hidden}
    return value


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_rows_are_converted(name: str) -> None:
    assert _converted(name, OFFICIAL[name]) == CONVERTED[name]
    hidden = [
        {k: v for k, v in row.items() if k not in ("label", "answers")} for row in CONVERTED[name]
    ]
    assert _converted(name, _secret(OFFICIAL[name])) == hidden


def test_rows_of_the_hub_become_the_same() -> None:
    """It has a row an answer or query, entities as texts, and names for labels."""
    passage = MULTIRC[0]["passage"]
    flat = [
        {
            "paragraph": passage["text"], "question": question["question"], "answer": answer["text"],
            "idx": {"paragraph": 3, "question": question["idx"], "answer": answer["idx"]},
            "label": "True" if answer["label"] else "False",
        }
        for question in passage["questions"]
        for answer in question["answers"]
    ]  # fmt: skip
    assert _converted("MultiRC", flat) == CONVERTED["MultiRC"]
    query = RECORD[0]["qas"][0]
    flat = [{
        "passage": RECORD[0]["passage"]["text"], "query": query["query"],
        "entities": ["Oslo", "Anna", "Rome"], "answers": ["Oslo"],
        "idx": {"passage": 5, "query": 9},
    }]  # fmt: skip
    assert _converted("ReCoRD", flat) == CONVERTED["ReCoRD"]
    flat = [{**row, "label": ("choice1", "choice2")[row["label"]]} for row in COPA]
    assert _converted("COPA", flat) == CONVERTED["COPA"]
    assert "label" not in _converted("COPA", [{**COPA[0], "label": -1}])[0]


def test_files_are_converted_once_and_anew_where_they_changed(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in COPA).encode()))
    first = converted_files("COPA", {"train": str(path)}, tmp_path)["train"]
    assert [json.loads(x) for x in Path(first).read_text().splitlines()] == CONVERTED["COPA"]
    Path(first).write_text("as it was left")
    assert converted_files("COPA", {"train": str(path)}, tmp_path)["train"] == first
    assert Path(first).read_text() == "as it was left"
    path.write_bytes(gzip.compress(json.dumps(COPA[0]).encode()))
    second = converted_files("COPA", {"train": str(path)}, tmp_path)["train"]
    assert len(Path(second).read_text().splitlines()) == 2 and second != first


def test_of_wrong_entities_training_sees_some() -> None:
    def query(number: int) -> list[dict[str, Any]]:
        idx = {"passage": 0, "query": number}
        labels = ["false"] * 6 + ["true"] + ["false"] * 3
        return [{"entity": str(n), "label": label, "idx": idx} for n, label in enumerate(labels)]

    first, second = (list(thinned(query(number))) for number in (0, 1))
    for kept in (first, second):
        assert len(kept) == 5 and [r["label"] for r in kept].count("true") == 1
        assert [r["entity"] for r in kept] == sorted(r["entity"] for r in kept)
    assert [r["entity"] for r in first] != [r["entity"] for r in second]
    assert list(thinned([*query(0), *query(1)])) == [*first, *second]
    assert list(thinned(CONVERTED["COPA"] * 3)) == CONVERTED["COPA"] * 3  # all of any other task


def test_a_test_file_is_scored_only_where_it_has_labels(tmp_path: Path) -> None:
    splits = {"train": COPA, "val": COPA, "test": _secret(COPA)}
    write(tmp_path / "secret" / "COPA", splits)
    found = task_source(BY_NAME["COPA"], tmp_path / "secret", tmp_path)
    assert found is not None and found.to_predict is not None
    assert found.task.scored_split == "validation"
    write(tmp_path / "own" / "copa", {**splits, "test": COPA})
    found = task_source(BY_NAME["COPA"], tmp_path / "own", tmp_path)
    assert found is not None and found.task.settings["test"] == found.to_predict
    assert task_source(BY_NAME["CB"], tmp_path / "own", tmp_path) is None
    write(tmp_path / "half" / "CB", {"train": OFFICIAL["CB"]})
    with pytest.raises(InputError, match=r"CB: no validation file\n.*val\.jsonl"):
        task_source(BY_NAME["CB"], tmp_path / "half", tmp_path)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("BoolQ", {"question": "is it", "idx": 0}, "x:1: no field 'passage'"),
        ("COPA", {**COPA[0], "question": "why"}, "x:1: 'question' is .*why.*\n.*cause or effect"),
        ("BoolQ", {**OFFICIAL["BoolQ"][0], "label": 3}, "x:1: the label is 3"),
        ("MultiRC", {"idx": 0, "passage": {"text": "a", "questions": [1]}}, "not a list of obj"),
        ("ReCoRD", {"passage": "a", "query": "b", "entities": [], "idx": 0}, "no @placeholder"),
    ],
)
def test_what_is_not_of_the_form_is_named(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _converted(name, [row])
