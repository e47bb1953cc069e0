"""Labels that are no class: quantities, and several labels of one text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from scipy.stats import spearmanr
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer
from tiny_problems import COLOURS, praise, subjects

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune

FAST = {
    "learning_rate": 5e-3,
    "embedding_rate": 1.0,
    "epochs": 12,
    "batch_size": 8,
    "precision": "fp32",
}


def _config(write: Any, model: str, rows: Any, **settings: Any) -> FinetuneConfig:
    train = write("train.jsonl", rows(240, 0))
    given = {"train": train, "validation": write("validation.jsonl", rows(60, 1))}
    out = str(Path(train).parent / "out")
    return FinetuneConfig(model=model, **given, out=out, **{**FAST, **settings})


def _rows(config: FinetuneConfig) -> list[dict[str, Any]]:
    lines = (Path(config.out) / "predictions_validation.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_quantity_is_learnt_and_the_folder_gives_it_in_its_unit(write: Any, bert: str) -> None:
    config = _config(write, bert, praise)
    scores = finetune("regression", config)["metrics"]["validation"]
    rows = _rows(config)
    sides = [row["label"] for row in rows], [row["prediction"] for row in rows]
    assert (
        scores["spearman"] == pytest.approx(spearmanr(*sides).statistic)
        and scores["spearman"] > 0.8
    )
    assert scores["loss"] == pytest.approx(
        sum((a - b) ** 2 for a, b in zip(*sides, strict=True)) / len(rows), rel=1e-4
    )
    give = transformers.pipeline("text-classification", model=config.out, device="cpu")
    assert give.model.config.problem_type == "regression"
    for row, found in zip(rows, give([row["text"] for row in rows]), strict=True):
        assert found["score"] == pytest.approx(row["prediction"], abs=1e-4)


def test_several_labels_are_each_decided_by_themselves(write: Any, bert: str) -> None:
    config = _config(write, bert, subjects, epochs=25)
    scores = finetune("multilabel", config)["metrics"]["validation"]
    rows = _rows(config)
    marks = MultiLabelBinarizer(classes=sorted(COLOURS)).fit([[]])
    sides = [marks.transform([row[side] for row in rows]) for side in ("label", "prediction")]
    assert scores["f1_micro"] == pytest.approx(f1_score(*sides, average="micro"))
    assert scores["f1_micro"] > 0.9
    assert scores["accuracy"] == pytest.approx((sides[0] == sides[1]).all(1).mean())
    give = transformers.pipeline("text-classification", model=config.out, device="cpu", top_k=None)
    for row, found in zip(rows, give([row["text"] for row in rows]), strict=True):
        chances = {each["label"]: each["score"] for each in found}
        assert chances == pytest.approx(row["probabilities"], abs=1e-4)


@pytest.mark.parametrize(
    ("task", "label", "message"),
    [
        ("regression", "warm", r"\.jsonl:2: .*warm.* is not a finite number"),
        ("regression", None, r"\.jsonl:2: no field 'label'"),
        ("regression", 1e400, r"\.jsonl:2: .*is not a finite number"),
        ("multilabel", "red", r"\.jsonl:2: expected a JSON list .*red"),
        ("multilabel", {"red": 1}, r"\.jsonl:2: .*is not a list of labels"),
        ("multilabel", [0.5], r"\.jsonl:2: 0.5 is not a label"),
        ("sentiment", 0.5, r"0.5 is not a label[^→]*\n.*finetune regression"),
    ],
)
def test_labels_of_another_kind_are_refused_at_their_line(
    task: str, label: Any, message: str, write: Any, bert: str
) -> None:
    first = {"sentiment": "a", "regression": 1.5, "multilabel": ["red"]}[task]
    rows = [{"text": "the cat", "label": first}, {"text": "a dog", "label": label}]
    path = write("rows.jsonl", rows)
    config = FinetuneConfig(model=bert, train=path, validation=path, out=f"{path}-out")
    with pytest.raises(InputError, match=message):
        finetune(task, config)


def test_a_label_that_training_lacks_is_named(write: Any, bert: str) -> None:
    train = write(
        "train.jsonl", [{"text": "a", "label": ["x"]}, {"text": "b", "label": ["y", "x"]}]
    )
    held = write("held.jsonl", [{"text": "a", "label": ["x", "z"]}])
    config = FinetuneConfig(model=bert, train=train, validation=held, out=f"{train}-out")
    with pytest.raises(InputError, match=r"labels that .*train.jsonl does not have: z"):
        finetune("multilabel", config)


def test_a_model_that_gives_one_quantity_for_all_scores_nothing(write: Any, bert: str) -> None:
    train = write("train.jsonl", praise(32, 0))
    same = write("same.jsonl", [{"text": "the cat", "label": n} for n in (1, 2, 3)])  # one output
    config = FinetuneConfig(model=bert, train=train, validation=same, out=f"{train}-out", epochs=1)
    scores = finetune("regression", config)["metrics"]["validation"]
    assert (scores["spearman"], scores["pearson"]) == (0.0, 0.0) and scores["loss"] > 0
    one = write("one.jsonl", [{"text": word, "label": 1} for word in ("a", "b")])
    with pytest.raises(InputError, match=r"one\.jsonl: every row has the label 1"):
        finetune("regression", config.model_copy(update={"validation": one, "out": f"{one}-out"}))


@pytest.mark.parametrize("adapt", ["full", "lora"])
def test_in_bf16_quantities_keep_their_digits(write: Any, bert: str, adapt: str) -> None:
    """Texts that differ a little are not given the same quantity."""
    config = _config(write, bert, praise, precision="bf16", epochs=2, adapt=adapt)
    finetune("regression", config)
    found = torch.tensor([row["prediction"] for row in _rows(config)])
    texts = {row["text"] for row in _rows(config)}
    assert len({round(float(value), 6) for value in found}) > 0.9 * len(texts)
    assert (found.bfloat16().float() != found).float().mean() > 0.9
