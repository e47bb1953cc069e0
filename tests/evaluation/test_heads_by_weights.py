"""A head is known by its weights where its class does not tell, and none is made up where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation import heads
from mlm_pretrain.evaluation.heads import objective_of_head
from mlm_pretrain.evaluation.perplexity import evaluate, load_for_evaluation

SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip


@pytest.fixture(scope="module")
def with_tokenizer(tokenizer_folders: dict[str, Path]) -> Any:
    """Saves a model beside the tokenizer of 2,000 entries."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])
    tokenizer.model_max_length = 64

    def saved(model: Any, folder: Path) -> Path:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return saved


@pytest.fixture(scope="module")
def of_several_heads(with_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As BERT was published: a masked-LM head beside that for the next sentence."""
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=2000, **SIZES)
    model = transformers.BertForPreTraining(config)
    with torch.no_grad():
        model.cls.predictions.bias.normal_()
    return with_tokenizer(model, tmp_path_factory.mktemp("bert") / "model")


def named(source: Path, folder: Path, *names: str) -> Path:
    """A copy whose config names these classes; without any, as many checkpoints are."""
    shutil.copytree(source, folder)
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    del settings["architectures"]
    path.write_text(json.dumps(settings | ({"architectures": list(names)} if names else {})))
    return folder


def objective_in(folder: Path) -> str:
    return objective_of_head(folder, AutoConfig.from_pretrained(folder))


@pytest.mark.parametrize("names", [["BertForPreTraining"], ["BertModel"], []])
def test_a_masked_head_is_found_whatever_its_class_is_called(
    names: list[str], of_several_heads: Path, prepared: Path, tmp_path: Path
) -> None:
    told = named(of_several_heads, tmp_path / "told", "BertForMaskedLM")
    found = named(of_several_heads, tmp_path / "found", *names)
    figures = [evaluate(f, prepared, limit_rows=4, precision="fp32") for f in (told, found)]
    assert figures[0]["loss_nats"] == figures[1]["loss_nats"]
    network, _, _ = load_for_evaluation(found)
    bias = load_file(of_several_heads / "model.safetensors")["cls.predictions.bias"]
    assert torch.equal(network.state_dict()["cls.predictions.bias"], bias)


def test_an_albert_is_too(with_tokenizer: Any, tmp_path: Path) -> None:
    config = transformers.AlbertConfig(vocab_size=2000, embedding_size=16, **SIZES)
    folder = with_tokenizer(transformers.AlbertForPreTraining(config), tmp_path / "albert")
    assert objective_in(folder) == "mlm"


@pytest.mark.parametrize("names", [["BertForPreTraining"], ["BertModel"], []])
def test_where_its_weights_are_not_there_is_none(
    names: list[str], of_several_heads: Path, prepared: Path, tmp_path: Path
) -> None:
    folder = named(of_several_heads, tmp_path / "model", *names)
    weights = load_file(folder / "model.safetensors")
    body = {name: of for name, of in weights.items() if not name.startswith("cls.predictions")}
    save_file(body, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"no language-modelling head"):
        evaluate(folder, prepared)


def test_of_a_head_for_a_task_the_weights_are_not_asked(
    of_several_heads: Path, tmp_path: Path
) -> None:
    """They may well hold that for tokens too, which fine-tuning left behind."""
    folder = named(of_several_heads, tmp_path / "m", "BertForSequenceClassification")
    with pytest.raises(InputError, match="a BertForSequenceClassification has no language-mod"):
        objective_in(folder)


def test_a_decoder_stays_one(causal_model: Path, prepared: Path, tmp_path: Path) -> None:
    bare = named(causal_model, tmp_path / "bare")
    assert objective_in(causal_model) == objective_in(bare) == "clm"
    figures = [evaluate(f, prepared, limit_rows=4, precision="fp32") for f in (causal_model, bare)]
    assert figures[0]["loss_nats"] == figures[1]["loss_nats"]


@pytest.mark.parametrize(("causal", "objective"), [(False, "mlm"), (True, "clm")])
def test_one_class_for_both(causal: bool, objective: str, tmp_path: Path) -> None:
    config = transformers.XLMConfig(
        vocab_size=100, emb_dim=16, n_layers=1, n_heads=2, causal=causal, max_position_embeddings=32
    )
    transformers.XLMWithLMHeadModel(config).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [
        "XLMWithLMHeadModel"
    ]
    assert objective_in(tmp_path) == objective


def test_weights_are_read_once_and_again_when_they_change(
    of_several_heads: Path, tmp_path: Path
) -> None:
    folder = named(of_several_heads, tmp_path / "model")
    before = heads._opened_with_head.cache_info().misses
    assert [objective_in(folder) for _ in range(3)] == ["mlm"] * 3
    assert heads._opened_with_head.cache_info().misses == before + 1
    transformers.BertModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(InputError, match="no language-modelling head"):
        objective_in(folder)
