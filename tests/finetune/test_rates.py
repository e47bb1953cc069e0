"""Rates by layer, stopping early, and weights of classes: what they do to a step and to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from test_loop import trainer_of
from tiny_problems import opinions, save_model, wordpiece

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.classification import balanced_weights
from mlm_pretrain.finetune.loss import summed_loss
from mlm_pretrain.finetune.preparing import prepare
from mlm_pretrain.finetune.rates import rate_shares


@pytest.mark.parametrize("kind", ["bert", "modernbert", "distilbert", "electra"])
def test_the_rate_falls_from_layer_to_layer(kind: str, tmp_path: Path) -> None:
    folder = save_model(tmp_path, kind, wordpiece())
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    shares = rate_shares(model, None, 0.5)
    found = {name: shares.get(id(p), 1.0) for name, p in model.named_parameters()}
    for name, share in found.items():
        if ".0." in name and "layer" in name:
            assert share == 0.25, name
        elif ".1." in name and "layer" in name:
            assert share == 0.5, name
        elif "embeddings" in name:
            assert share == 0.125, name
        else:
            assert share == 1.0, name
    assert set(found.values()) == {0.125, 0.25, 0.5, 1.0}
    frozen = rate_shares(model, 0.0, 0.5)
    assert frozen[id(model.get_input_embeddings().weight)] == 0.0
    assert set(rate_shares(model, 1.0, 1.0).values()) == {1.0}


def test_the_optimizer_moves_each_layer_at_its_share(write: Any) -> None:
    """The first step of Adam moves every weight by its rate, whatever the gradient."""
    _, trainer = trainer_of("sentiment", write, layer_decay=0.5, weight_decay=0, warmup_share=0)
    trainer.embedding_rate = None
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.train()
    moved = {n: float((p - before[n]).abs().max()) for n, p in trainer.model.named_parameters()}
    dense = "bert.encoder.layer.{}.output.dense.weight"
    steps = [moved["classifier.weight"], moved[dense.format(1)], moved[dense.format(0)]]
    assert steps == pytest.approx([1e-3, 5e-4, 2.5e-4], rel=0.02)
    words = "bert.embeddings.word_embeddings.weight"
    assert moved[words] == pytest.approx(1.25e-4, rel=0.02)


def test_training_stops_once_no_epoch_is_better(write: Any, bert: str, tmp_path: Path) -> None:
    """At no rate at all every epoch scores as the first."""
    train, held = write("train.jsonl", opinions(32, 0)), write("held.jsonl", opinions(20, 1))
    settings = {"learning_rate": 1e-12, "epochs": 9, "patience": 2, "precision": "fp32"}
    config = FinetuneConfig(
        model=bert, train=train, validation=held, out=str(tmp_path / "out"), **settings
    )
    result = finetune("sentiment", config)
    assert [each["epoch"] for each in result["history"]] == [1, 2, 3]
    assert result["best_epoch"] == 1
    assert (result["steps"], result["epochs"]) == (6, 3)  # of the 18 that were planned


def test_rare_classes_weigh_more_and_the_mean_weight_is_one() -> None:
    seen = ["a"] * 6 + ["b"] * 2
    weights = balanced_weights(["a", "b"], seen)
    assert weights == pytest.approx([8 / 12, 8 / 4])
    assert sum(weights[name == "b"] for name in seen) == pytest.approx(len(seen))
    logits = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([int(name == "b") for name in seen])
    each = [weights[y] * summed_loss(x[None], y[None]) for x, y in zip(logits, labels, strict=True)]
    assert summed_loss(logits, labels, weights).item() == pytest.approx(float(sum(each)))


def test_a_rare_class_is_found_more_often(write: Any, bert: str, tmp_path: Path) -> None:
    """One good opinion in eight, after too little training to be sure of any."""
    rows = [row for i, row in enumerate(opinions(512, 0)) if row["label"] == 0 or i % 8 == 1]
    train, held = write("train.jsonl", rows), write("held.jsonl", opinions(60, 1))
    found = {}
    for weights in ("none", "balanced"):
        config = FinetuneConfig(
            model=bert, train=train, validation=held, out=str(tmp_path / weights), epochs=1,
            learning_rate=1e-3, embedding_rate=1.0, class_weights=weights, precision="fp32",
        )  # fmt: skip
        finetune("sentiment", config)
        lines = (tmp_path / weights / "predictions_validation.jsonl").read_text().splitlines()
        found[weights] = sum('"prediction": "1"' in line for line in lines)
    assert found["balanced"] > found["none"]


def test_weights_are_those_of_the_rows_that_are_trained_on(write: Any, bert: str) -> None:
    """Of few rows each class has one at least, so that a rare one's share is another than in the file."""
    rows = [{**row, "label": int(n < 4)} for n, row in enumerate(opinions(400, 0))]
    path = write("rows.jsonl", rows)
    config = FinetuneConfig(
        model=bert, train=path, validation=path, out=f"{path}-out", class_weights="balanced",
        max_train_examples=20, batch_size=4,
    )  # fmt: skip
    task = prepare("sentiment", config).task
    assert task.weights == pytest.approx([20 / (2 * 19), 20 / (2 * 1)])


def test_weights_are_refused_where_there_are_no_classes(write: Any, bert: str) -> None:
    path = write("rows.jsonl", opinions(20, 0))
    config = FinetuneConfig(
        model=bert, train=path, validation=path, out=f"{path}-out", class_weights="balanced"
    )
    with pytest.raises(InputError, match="class_weights: regression has no such weights"):
        finetune("regression", config)
