"""A file without labels gets the predictions that the same rows get with them, and no score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_problems import mentions, opinions, praise, questions, subjects

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan
from mlm_pretrain.manifest import read_manifest

FAST = {"learning_rate": 5e-3, "embedding_rate": 1.0, "batch_size": 16, "epochs": 2}
_SPLITS = ("train", "validation", "test")
# A kind of task, its problem, and the name its rows and its predictions have for the truth.
_KINDS: dict[str, tuple[Any, str, str]] = {
    "sentiment": (opinions, "label", "label"),
    "multilabel": (subjects, "label", "label"),
    "regression": (praise, "label", "label"),
    "ner": (mentions, "ner_tags", "tags"),
}


def _config(write: Any, model: str, problem: Any, unlabelled: str) -> FinetuneConfig:
    files = {name: write(f"{name}.jsonl", problem(48, n)) for n, name in enumerate(_SPLITS)}
    out = str(Path(files["train"]).parent / "out")
    return FinetuneConfig(model=model, **files, unlabelled=unlabelled, out=out, **FAST)


@pytest.mark.parametrize("kind", _KINDS)
def test_predictions_are_those_of_the_labelled_rows(kind: str, write: Any, bert: str) -> None:
    problem, given, shown = _KINDS[kind]
    rows = [{k: v for k, v in row.items() if k != given} for row in problem(48, 2)]
    if kind == "sentiment":  # as public benchmarks hide theirs
        rows = [{**row, given: -1} for row in rows]
    config = _config(write, bert, problem, write("mine.jsonl", rows))
    result = finetune(kind, config)
    out = Path(config.out)
    test, mine = (
        [json.loads(x) for x in (out / f"predictions_{n}.jsonl").read_text().splitlines()]
        for n in ("test", "unlabelled")
    )
    assert mine == [{k: v for k, v in row.items() if k != shown} for row in test]
    assert len({json.dumps(row) for row in mine}) > 1
    assert set(result["metrics"]) == {"validation", "test"} and result["unlabelled_examples"] == 48
    assert json.loads((out / "metrics.json").read_text()) == result["metrics"]
    assert read_manifest(out, "finetune").inputs["unlabelled"]["path"] == config.unlabelled


def test_what_cannot_be_predicted_is_said_before_training(write: Any, bert: str) -> None:
    mine = write("mine.jsonl", [{"text": "a cat", "text_pair": "a dog"}])
    with pytest.raises(InputError, match=r"mine\.jsonl:1: a pair of texts here, but not in"):
        plan("sentiment", _config(write, bert, opinions, mine))
    mine = write("mine.jsonl", [{"text": "a cat"}, {"txt": "a dog"}])
    with pytest.raises(InputError, match=r"mine\.jsonl:2: no field 'text'"):
        plan("sentiment", _config(write, bert, opinions, mine))
    with pytest.raises(InputError, match=r"unlabelled: not for qa\n.*multilabel, ner, regression"):
        plan("qa", _config(write, bert, questions, mine))
