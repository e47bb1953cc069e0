"""Fine-tuning of few weights: which ones move, and that what is saved is an ordinary model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_problems import POSITIONS, mentions, opinions

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.adaptation import adapted
from mlm_pretrain.finetune.rates import rate_shares

HEAD = ("classifier.", "bert.pooler.")


def _named(count: int, seed: int) -> list[dict[str, Any]]:
    """Opinions under names of their own, for which a new head has to be learnt."""
    return [{**row, "label": ("bad", "good")[row["label"]]} for row in opinions(count, seed)]


ROWS = {"sentiment": _named, "ner": mentions}


@pytest.fixture(scope="module")
def taught(bert: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that has learnt what opinions are: random weights have nothing for a head to read."""
    folder = tmp_path_factory.mktemp("taught")
    files = {}
    for split, count in (("train", 160), ("validation", 40)):
        path = folder / f"{split}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in opinions(count, count)))
        files[split] = str(path)
    out = str(folder / "model")
    config = FinetuneConfig(
        model=bert, **files, out=out, epochs=5, learning_rate=5e-3, embedding_rate=1.0
    )
    assert finetune("sentiment", config)["metrics"]["validation"]["accuracy"] > 0.95
    return out


def _run(
    write: Any,
    model: str,
    out: Path,
    adapt: str,
    task: str = "sentiment",
    overwrite: bool = False,
    **more: Any,
) -> Any:
    files = {
        "train": write("train.jsonl", ROWS[task](160, 0)),
        "validation": write("held.jsonl", ROWS[task](40, 1)),
    }
    settings = {"epochs": 6, "learning_rate": 1e-2, "precision": "fp32", **more}
    config = FinetuneConfig(model=model, **files, out=str(out), adapt=adapt, **settings)
    return finetune(task, config, overwrite=overwrite)


def _moved(before: str, after: Path) -> set[str]:
    """Names of the weights that both have and that differ."""
    old, new = (load_file(Path(folder) / "model.safetensors") for folder in (before, after))
    shared = old.keys() & new.keys()
    assert len(shared) > 20
    return {name for name in shared if not torch.allclose(old[name], new[name], atol=1e-6)}


@pytest.mark.parametrize("adapt", ["frozen", "bitfit", "lora"])
def test_only_what_is_adapted_moves(adapt: str, write: Any, taught: str, tmp_path: Path) -> None:
    result = _run(write, taught, tmp_path / "out", adapt)
    moved = {n for n in _moved(taught, tmp_path / "out") if not n.startswith(HEAD)}
    if adapt == "frozen":
        assert not moved
    elif adapt == "bitfit":
        assert moved and all(name.endswith("bias") for name in moved)
    else:
        assert moved and all(".layer." in n and n.endswith("weight") for n in moved)
        assert not any("LayerNorm" in name for name in moved)
    assert 0 < result["trained_parameters"] < result["parameters"] / 2
    assert result["metrics"]["validation"]["accuracy"] > 0.9


@pytest.mark.parametrize("task", ["sentiment", "ner"])
def test_a_folder_made_by_lora_is_an_ordinary_model(
    task: str, write: Any, bert: str, tmp_path: Path
) -> None:
    _run(write, bert, tmp_path / "out", "lora", task)
    assert not list((tmp_path / "out").glob("adapter*"))
    auto = {
        "sentiment": transformers.AutoModelForSequenceClassification,
        "ner": transformers.AutoModelForTokenClassification,
    }[task]
    model, report = auto.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    if task == "ner":
        return
    lines = (tmp_path / "out" / "predictions_validation.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    for row, found in zip(rows, classify([row["text"] for row in rows]), strict=True):
        assert found["label"] == row["prediction"]
        assert found["score"] == pytest.approx(row["probability"], abs=1e-4)


def test_biases_are_asked_of_a_model_that_has_none(
    write: Any, modernbert: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _run(write, modernbert, out, "frozen", epochs=1)
    before = sorted(out.iterdir())
    with pytest.raises(InputError, match=r"bitfit trains biases, and .* has none"):
        _run(write, modernbert, out, "bitfit", overwrite=True)
    assert sorted(out.iterdir()) == before  # found out before anything is replaced


def test_lora_without_its_library_says_how_to_get_it(
    write: Any, bert: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"pip install 'mlm-pretrain\[adapters\]'"):
        _run(write, bert, tmp_path / "out", "lora")


@pytest.mark.parametrize("adapt", ["prompt", "prefix"])
def test_vectors_before_a_text_are_learnt_and_saved_as_an_adapter(
    adapt: str, write: Any, taught: str, tmp_path: Path
) -> None:
    import peft

    out = tmp_path / "out"
    result = _run(write, taught, out, adapt, virtual_tokens=4)
    if adapt == "prefix":  # before a prompt, BERT's pooler reads the first vector instead of [CLS]
        assert result["metrics"]["validation"]["accuracy"] > 0.9
    assert result["max_length"] == POSITIONS - 4
    assert not (out / "model.safetensors").exists()
    config = transformers.AutoConfig.from_pretrained(out)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(taught, config=config)
    before = {name: weight.clone() for name, weight in base.bert.named_parameters()}
    model = peft.PeftModel.from_pretrained(base, out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    lines = (out / "predictions_validation.jsonl").read_text().splitlines()
    for row in map(json.loads, lines):
        with torch.no_grad():
            logits_C = model(**tokenizer(row["text"], return_tensors="pt")).logits[0]
        assert config.id2label[int(logits_C.argmax())] == row["prediction"]
        assert float(logits_C.softmax(0).max()) == pytest.approx(row["probability"], abs=1e-4)
    kept = dict(base.bert.named_parameters())
    assert all(torch.equal(kept[name], before[name]) for name in before if "pooler" not in name)


@pytest.mark.parametrize(
    ("adapt", "task", "message"),
    [("prefix", "sentiment", "modernbert does not take"), ("prompt", "ner", "for labels of texts")],
)
def test_where_no_vectors_can_go(
    adapt: str, task: str, message: str, write: Any, modernbert: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"adapt: {adapt} .*{message}"):
        _run(write, modernbert, tmp_path / "out", adapt, task)


@pytest.mark.parametrize("adapt", ["prompt", "prefix"])
def test_vectors_before_a_text_learn_at_the_whole_rate(adapt: str, taught: str) -> None:
    """They are new, though they lie in a table as the model's own embeddings do."""
    config = FinetuneConfig(model=taught, train="t", validation="v", out="o", adapt=adapt)
    auto = transformers.AutoModelForSequenceClassification
    model = adapted(auto.from_pretrained(taught), config)
    vectors = [p for name, p in model.named_parameters() if "prompt_encoder" in name]
    words = model.get_input_embeddings().weight
    for decay in (1.0, 0.8):
        shares = rate_shares(model, 0.1, decay)
        assert vectors and not any(id(vector) in shares for vector in vectors)
        assert shares[id(words)] == 0.1
