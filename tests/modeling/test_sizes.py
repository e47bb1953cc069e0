"""Names, shapes and lengths of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sizes import (
    DECODERS,
    ENCODER_DECODERS,
    FAMILIES,
    SIZES,
    Shape,
    build_config,
    check_length,
    parse_arch,
)

TURC = {
    "tiny": (2, 128, 2), "mini": (4, 256, 4), "small": (4, 512, 8),
    "medium": (8, 512, 8), "base": (12, 768, 12), "large": (24, 1024, 16),
}  # fmt: skip


def auto_class(family: str) -> str:
    return "AutoModelForCausalLM" if family in DECODERS else "AutoModelForMaskedLM"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_named_size_becomes_a_config(family: str, tokenizer: Any) -> None:
    assert set(SIZES) == set(TURC)
    for size, (layers, hidden, heads) in TURC.items():
        config = build_config(f"{family}-{size}", tokenizer, 64)
        assert config.model_type == family
        assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (
            layers, hidden, heads,
        )  # fmt: skip
        assert config.vocab_size == len(tokenizer) == 2_000
        assert config.pad_token_id == tokenizer.pad_token_id
        assert config.tie_word_embeddings


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_encoders_with_decoders(family: str, tokenizer: Any) -> None:
    config = build_config(f"{family}-mini", tokenizer, 64)
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (256, 4, 4)
    assert config.tie_word_embeddings and config.vocab_size == len(tokenizer)
    first = tokenizer.pad_token_id if family == "t5" else tokenizer.sep_token_id
    assert config.decoder_start_token_id == first and config.eos_token_id == tokenizer.sep_token_id
    ids = torch.arange(5, 69).view(1, 64)
    for dropout in (0.0, 0.5):
        model = new_model(f"{family}:2x64", "AutoModelForSeq2SeqLM", tokenizer, 64, 0, dropout)
        scores = [model.train()(ids, decoder_input_ids=ids).logits for _ in range(2)]
        assert torch.equal(*scores) == (dropout == 0)
    stacks = [getattr(model.base_model, name) for name in ("encoder", "decoder")]
    sizes = [sum(p.dim() == 2 for p in stack.parameters()) for stack in stacks]
    assert sizes[1] > sizes[0] > 2 * 6
    if family == "bart":  # T5's positions are relative
        with pytest.raises(InputError, match="65 > 64"):
            check_length(build_config("bart:2x64", tokenizer, 64), 65)


def test_feed_forward_widths() -> None:
    """BERT's, ModernBERT's and Llama's own at base size."""
    base = Shape(12, 768)
    assert (base.heads, base.feed_forward, base.gated_feed_forward) == (12, 3_072, 1_152)


def test_a_shape_of_ones_own() -> None:
    assert parse_arch("modernbert:6x384") == ("modernbert", Shape(6, 384))
    assert Shape(6, 384).heads == 6


@pytest.mark.parametrize("arch", ["brt:2x64", "bert:0x64", "bert:2x0", "bert:2x100"])
def test_impossible_shapes_are_refused(arch: str) -> None:
    with pytest.raises(InputError, match=f"--arch {arch}: .*\n.*families: bert, roberta"):
        parse_arch(arch)


@pytest.mark.parametrize(
    ("arch", "nearest"),
    [
        ("bert-tinny", "bert-tiny"),
        ("modernbert-minni", "modernbert-mini"),
        ("gpt-base", "gpt2-base"),
    ],
)
def test_a_misspelt_name_gets_the_nearest(arch: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"did you mean {nearest}\\?"):
        parse_arch(arch)


@pytest.mark.parametrize("family", FAMILIES)
def test_data_must_fit_the_positions(family: str, tokenizer: Any) -> None:
    config = build_config(f"{family}:2x64", tokenizer, 64)
    check_length(config, 64)
    with pytest.raises(InputError, match=r"65 > 64\n.*--max-length 64"):
        check_length(config, 65)


@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta", "camembert", "data2vec-text"])
def test_positions_past_the_padding_id_are_not_counted(model_type: str) -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model(model_type, max_position_embeddings=130, pad_token_id=1)
    check_length(config, 128)
    with pytest.raises(InputError, match="512 > 128"):
        check_length(config, 512)


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_is_on_as_asked_and_off_otherwise(family: str, tokenizer: Any) -> None:
    ids = torch.arange(5, 69).view(1, 64)
    for dropout in (0.0, 0.5):
        model = new_model(f"{family}:2x64", auto_class(family), tokenizer, 64, 0, dropout).train()
        assert torch.equal(model(ids).logits, model(ids).logits) == (dropout == 0)


def test_a_config_file_gets_the_tokenizers_ids(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    values = {"model_type": "bert", "hidden_size": 96, "num_attention_heads": 3, "vocab_size": 7}
    path.write_text(json.dumps({**values, "max_position_embeddings": 80}), encoding="utf-8")
    for arch in (path, tmp_path):
        config = build_config(str(arch), tokenizer, 64)
        assert (config.hidden_size, config.vocab_size, config.pad_token_id) == (96, 2_000, 0)
        assert (config.bos_token_id, config.eos_token_id) == (2, 3)
        assert config.max_position_embeddings == 80
    with pytest.raises(InputError, match="512 > 80"):
        build_config(str(path), tokenizer, 512)


@pytest.mark.parametrize("content", ["{}", "not json", '{"model_type": "no-such-model"}'])
def test_a_file_that_is_no_config_is_refused(content: str, tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"--arch {path}: not a Hugging Face config"):
        build_config(str(path), tokenizer, 64)


def test_a_folder_that_happens_to_have_the_name_of_a_size(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bert-tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert build_config("bert-tiny", tokenizer, 64).num_hidden_layers == 2
