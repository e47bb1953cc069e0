"""What is refused about a model before training, and what a run makes of the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny_problems import POSITIONS, TOKENIZERS, mentions, opinions, questions, save_model

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.config import default_learning_rate
from mlm_pretrain.finetune.model import load_config, load_model

KINDS = ["bert", "modernbert", "roberta", "distilbert", "electra"]
ROWS = {"sentiment": opinions, "ner": mentions, "qa": questions}


def config_for(write: Any, model: str, task: str = "sentiment", **settings: Any) -> FinetuneConfig:
    paths = {
        "train": write("train.jsonl", ROWS[task](20, 0)),
        "validation": write("validation.jsonl", ROWS[task](6, 1)),
    }
    out = str(Path(paths["train"]).parent / "out")
    return FinetuneConfig(model=model, **{**paths, "out": out, "batch_size": 4, **settings})


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_runs_every_task(kind: str, write: Any, tmp_path: Path) -> None:
    tokenizer = TOKENIZERS["byte_bpe" if kind in ("modernbert", "roberta") else "wordpiece"]()
    model = save_model(tmp_path / kind, kind, tokenizer)
    for task in ROWS:
        config = config_for(write, model, task, out=str(tmp_path / task), steps=1)
        assert plan(task, config)["max_length"] == POSITIONS
        result = finetune(task, config)
        assert result["metrics"]["validation"]["loss"] > 0
        saved = json.loads((tmp_path / task / "config.json").read_text())
        assert saved["architectures"][0].lower().startswith(kind)


@pytest.mark.fault("too-long")
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_rows_longer_than_the_positions_are_refused(kind: str, write: Any, tmp_path: Path) -> None:
    tokenizer = TOKENIZERS["wordpiece"]()
    model = save_model(tmp_path / "m", kind, tokenizer)
    with pytest.raises(InputError, match=f"max_length: 128 > {POSITIONS}, the positions of"):
        plan("sentiment", config_for(write, model, max_length=128))
    long = [{"text": "cat " * 200, "label": n % 2} for n in range(8)]
    path = write("long.jsonl", long)
    result = finetune("sentiment", config_for(write, model, train=path, steps=1))
    assert result["counts"]["cut_texts"] == 8  # and every position was used without an error


def test_fewer_rows_than_a_batch_are_refused(write: Any, bert: str) -> None:
    config = config_for(write, bert, batch_size=8, accumulation=3)
    with pytest.raises(InputError, match="20 training rows are fewer than one batch of 24"):
        finetune("sentiment", config)
    assert not list(Path(config.out).glob("*"))


def test_folders_that_are_no_model(write: Any, bert: str, tmp_path: Path) -> None:
    def copy(name: str, without: str) -> str:
        shutil.copytree(bert, tmp_path / name)
        (tmp_path / name / without).unlink()
        return str(tmp_path / name)

    weightless = copy("weightless", "model.safetensors")
    weights = transformers.AutoModel.from_pretrained(bert).state_dict()
    torch.save(weights, tmp_path / "weightless" / "pytorch_model.bin")
    with pytest.raises(InputError, match="weightless: cannot be opened as a model"):
        finetune("sentiment", config_for(write, weightless))
    with pytest.raises(InputError, match="nameless: cannot be opened as a model"):
        plan("sentiment", config_for(write, copy("nameless", "config.json")))
    with pytest.raises(InputError, match="no-such-folder: cannot be opened"):
        plan("sentiment", config_for(write, str(tmp_path / "no-such-folder")))
    with pytest.raises(InputError, match=r"train.jsonl: is a file"):
        plan("sentiment", config_for(write, config_for(write, bert).train))


def test_weights_of_another_model_are_refused(write: Any, bert: str, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "mixed")
    electra = save_model(tmp_path / "electra", "electra", TOKENIZERS["wordpiece"]())
    shutil.copy(Path(electra) / "model.safetensors", tmp_path / "mixed")
    with pytest.raises(InputError, match=r"mixed: (its weights lack|cannot be opened)"):
        finetune("sentiment", config_for(write, str(tmp_path / "mixed")))


@pytest.mark.fault("missing-special-token")
def test_tokenizers_that_do_not_fit(write: Any, bert: str, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "padless")
    path = tmp_path / "padless" / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (tmp_path / "padless" / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match="padless: its tokenizer has no pad token"):
        plan("ner", config_for(write, str(tmp_path / "padless"), "ner"))
    shutil.copytree(bert, tmp_path / "larger")
    TOKENIZERS["byte_bpe"]().save_pretrained(tmp_path / "larger")
    with pytest.raises(InputError, match=r"the tokenizer has \d+ tokens, the model only \d+"):
        plan("sentiment", config_for(write, str(tmp_path / "larger")))


def test_random_weights_share_the_shape_and_nothing_else(write: Any, bert: str) -> None:
    """Loaded weights are the folder's; random ones are not, and follow the seed."""
    exported = transformers.AutoModel.from_pretrained(bert).state_dict()

    def body(**settings: Any) -> dict[str, Any]:
        config = config_for(write, bert, **settings)
        shape = load_config(bert, config, ["a", "b", "c"])
        model, _ = load_model("AutoModelForSequenceClassification", shape, config)
        assert model.classifier.weight.shape == (3, 32)
        return model.base_model.state_dict()

    loaded, random = body(), body(random_weights=True)
    again, other = body(random_weights=True), body(random_weights=True, seed=5)
    name = "encoder.layer.1.attention.self.query.weight"
    assert torch.equal(loaded[name], exported[name])
    assert random[name].shape == exported[name].shape
    assert not torch.allclose(random[name], exported[name])
    assert torch.equal(random[name], again[name]) and not torch.equal(random[name], other[name])


def test_rates_by_width() -> None:
    rates = [default_learning_rate(width) for width in (256, 384, 512, 640, 768, 1024)]
    assert rates == [5e-4, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5]


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_reaches_every_architecture(kind: str, write: Any, tmp_path: Path) -> None:
    model = save_model(tmp_path / kind, kind, TOKENIZERS["wordpiece"]())
    config = config_for(write, model, dropout=0.25)
    shape = load_config(model, config, ["a", "b"])
    built = transformers.AutoModelForSequenceClassification.from_config(shape)
    found = {m.p for m in built.modules() if isinstance(m, torch.nn.Dropout)}
    assert found == {0.25}


def test_settings_that_contradict(write: Any, bert: str) -> None:
    with pytest.raises(InputError, match="both are set"):
        plan("sentiment", config_for(write, bert, steps=3, epochs=2))
    with pytest.raises(InputError, match="unknown task 'nre'"):
        plan("nre", config_for(write, bert))
    with pytest.raises(InputError, match="no score 'f1' here"):
        plan("sentiment", config_for(write, bert, metric="f1"))
