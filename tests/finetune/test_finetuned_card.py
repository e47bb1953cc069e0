"""A fine-tuned folder has a card of what its run recorded, and can be pushed without its labelled files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData
from tiny_problems import opinions

from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.hub import select


def config_of(write: Any, model: str, **settings: Any) -> FinetuneConfig:
    paths = {
        split: write(f"{split}.jsonl", opinions(24, seed))
        for seed, split in enumerate(("train", "validation", "test"))
    }
    out = str(Path(paths["train"]).parent / "tuned")
    return FinetuneConfig(
        model=model, **{**paths, "out": out, "epochs": 1, "precision": "fp32", **settings}
    )


def test_its_card(write: Any, bert: str) -> None:
    card = Path(bert) / "README.md"
    card.write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    result = finetune("sentiment", config_of(write, bert))
    card.unlink()
    out = Path(result["out"])
    _, front, text = (out / "README.md").read_text("utf-8").split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["license"] == "mit"
    assert metadata["pipeline_tag"] == "text-classification"
    assert "base_model" not in metadata  # a folder of this machine
    scores = result["metrics"]["test"]
    assert ModelCardData(**metadata).eval_results[0] == EvalResult(
        task_type="text-classification", task_name="sentiment", dataset_type="test", dataset_name="test",
        dataset_split="test", metric_type="accuracy", metric_name="accuracy",
        metric_value=round(scores["accuracy"], 4), source_name="mlm-pretrain",
        source_url="https://pypi.org/project/mlm-pretrain",
    )  # fmt: skip
    lines = text.splitlines()
    row = lines.index("| split | accuracy | f1_macro | matthews | loss |")
    assert lines[row + 1] == "|---|---|---|---|---|"
    assert lines[row + 3].startswith(
        f"| test | {scores['accuracy']:.4g} | {scores['f1_macro']:.4g} |"
    )
    hashed = json.loads((out / "manifest.json").read_text())["inputs"]["train"]["xxh3_128"]
    assert f"| train | train.jsonl | 24 | {hashed} |" in lines
    assert "| steps | 2 |" in lines
    assert str(out.parent) not in front + text


def test_what_of_it_is_pushed(write: Any, bert: str) -> None:
    """Neither the predictions, which hold the texts, nor the manifest, which names the files."""
    result = finetune("sentiment", config_of(write, bert))
    chosen = select(result["out"])
    assert {"README.md", "model.safetensors", "config.json", "tokenizer.json"} <= set(chosen.files)
    assert {"manifest.json", "predictions_test.jsonl", "analysis.json"} <= set(chosen.left_out)
    assert chosen.findings == []


def test_an_adapter_of_a_model_that_nobody_else_has(write: Any, bert: str) -> None:
    result = finetune("sentiment", config_of(write, bert, adapt="prefix"))
    assert "an adapter of the library peft" in (Path(result["out"]) / "README.md").read_text(
        "utf-8"
    )
    assert select(result["out"]).findings == [
        "adapter_config.json: name_or_path is a folder of this machine, where nobody else finds it"
    ]


def test_random_weights_have_no_base_and_no_licence_of_one(write: Any, bert: str) -> None:
    result = finetune("sentiment", config_of(write, bert, random_weights=True))
    _, front, text = (Path(result["out"]) / "README.md").read_text("utf-8").split("---\n", 2)
    assert {"base_model", "license"}.isdisjoint(yaml.safe_load(front))
    assert "from random weights, trained on labelled examples (sentiment)" in text
