"""Rows for new entries: exact values, ties, and that nothing old changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import BaseVocabulary, Extension
from mlm_pretrain.modeling.vocabulary_growth import grow_vocabulary, vocabulary_dimensions

ENTRIES = 211  # a prime, so that no other dimension has it
SIZES = {
    "vocab_size": ENTRIES, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 40, "pad_token_id": 1, "bos_token_id": 0,
    "eos_token_id": 2,
}  # fmt: skip
BART = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
}  # fmt: skip
DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48}
MOBILE = {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}
# model type: what it has of its own; the first with an output layer tied to the embeddings.
TIED: dict[str, dict[str, Any]] = {
    "bert": {}, "roberta": {}, "modernbert": {}, "distilbert": DISTILBERT, "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16}, "deberta-v2": {}, "mobilebert": MOBILE, "esm": {}, "gpt2": {},
    "bart": BART,
}  # fmt: skip
UNTIED: dict[str, dict[str, Any]] = {
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 24},
    "bert-untied": {"tie_word_embeddings": False},
    "llama": {"num_key_value_heads": 2},
}
CAUSAL = ("gpt2", "llama")


def build(name: str) -> Any:
    """With weights large enough that rows differ."""
    family = name.removesuffix("-untied")
    config = AutoConfig.for_model(family, **SIZES, **{**TIED, **UNTIED}[name])
    kind = AutoModelForCausalLM if name in CAUSAL else AutoModelForMaskedLM
    kind = AutoModelForSeq2SeqLM if name == "bart" else kind
    model = kind.from_config(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1, generator=generator)
        if name == "bart":
            model.final_logits_bias.normal_(0, 0.1, generator=generator)
    return model


def extension(first: int, count: int = 13) -> Extension:
    """Each new entry of one to three old ones."""
    pieces = {first + n: [5 + 3 * n, 9 + n, 150 - n][: 1 + n % 3] for n in range(count)}
    base = BaseVocabulary(entries=first, vocabulary_xxh3_128="")
    return Extension(base=base, pieces=pieces, tokens={index: f"w{index}" for index in pieces})


def scores(model: Any) -> torch.Tensor:
    ids = torch.arange(5, 30)[None]
    written = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model(input_ids=ids, **written).logits[0]


@pytest.mark.parametrize("family", [*TIED, *UNTIED])
def test_scores_of_old_entries_stay_and_those_of_new_ones_are_the_mean(
    family: str, tmp_path: Path
) -> None:
    model, grown_by = build(family), extension(ENTRIES)
    dimensions = vocabulary_dimensions(model)
    old = {key: model.state_dict()[key].clone() for key in dimensions}
    before_LV = scores(model)
    random_state = torch.get_rng_state()
    grow_vocabulary(model, grown_by)
    assert torch.equal(torch.get_rng_state(), random_state)
    after_LV = scores(model)
    assert torch.equal(after_LV[:, :ENTRIES], before_LV)
    for index, pieces in grown_by.pieces.items():
        expected_L = before_LV[:, pieces].mean(1)
        assert torch.allclose(after_LV[:, index], expected_L, atol=1e-5)
    for key, dim in dimensions.items():
        now, was = (state.movedim(dim, 0) for state in (model.state_dict()[key], old[key]))
        assert torch.equal(now[:ENTRIES], was)
        for index, pieces in grown_by.pieces.items():
            assert torch.equal(now[index], was[pieces].mean(0)), key
    assert not any(ENTRIES in tensor.shape for tensor in model.state_dict().values())
    assert model.config.vocab_size == ENTRIES + 13
    check_ties(model, family in TIED)
    model.save_pretrained(tmp_path)
    reopened = type(model).from_pretrained(tmp_path).eval()
    assert torch.equal(scores(reopened), after_LV)
    check_ties(reopened, family in TIED)


def check_ties(model: Any, is_tied: bool) -> None:
    into, out = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    assert (into is out) == is_tied
    assert len(into) == len(out) == model.config.vocab_size
    assert model.get_output_embeddings().out_features == len(out)
    names = dict(model.named_parameters(remove_duplicate=False))
    biases = [t for name, t in names.items() if name.endswith(("predictions.bias", "decoder.bias"))]
    if len(biases) == 2:  # an untied BERT has two of its own
        assert (biases[0] is biases[1]) == is_tied


class Surfaces:
    """What `grow_vocabulary` asks a tokenizer for."""

    all_special_ids = (0, 1, 2)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return ["[UNK]" if index < 3 else TOKENS[index % len(TOKENS)] for index in ids]


TOKENS = ("a", "##bc", "Ġdef", "▁ghij", "klmno</w>")
LENGTHS = (1, 2, 3, 4, 5)


@pytest.mark.parametrize("family", ["bert", "modernbert", "bert-untied"])
def test_weighted_rows_follow_the_lengths_of_the_pieces(family: str) -> None:
    model = build(family)
    grown_by = extension(ENTRIES).model_copy(update={
        "pieces": {ENTRIES: [10, 14], ENTRIES + 1: [12, 1, 13], ENTRIES + 2: [11]},
        "tokens": {ENTRIES + n: f"w{n}" for n in range(3)},
    })  # fmt: skip
    lengths = [[1, 5], [3, 1, 4], [2]]  # the unknown token counts as one character
    dimensions = vocabulary_dimensions(model)
    old = {key: model.state_dict()[key].clone() for key in dimensions}
    before_LV = scores(model)
    grow_vocabulary(model, grown_by, "weighted", Surfaces())
    for key in dimensions:
        now = model.state_dict()[key]
        for (index, pieces), length in zip(grown_by.pieces.items(), lengths, strict=True):
            weights = torch.tensor(length) / sum(length)
            rows = old[key][pieces]
            if rows.dim() == 1:
                assert torch.allclose(now[index], weights @ rows)
                continue
            mixed = weights @ rows
            assert torch.allclose(now[index].norm(), weights @ rows.norm(dim=1))
            assert torch.allclose(now[index] / now[index].norm(), mixed / mixed.norm(), atol=1e-6)
            if len(pieces) == 1:
                assert torch.allclose(now[index], rows[0])
    assert torch.equal(scores(model)[:, :ENTRIES], before_LV)
    assert tuple(len(t.strip("#Ġ▁").removesuffix("</w>")) for t in TOKENS) == LENGTHS


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_rows_to_spare_are_used_first(family: str) -> None:
    """A model padded to 211 rows, of a tokenizer of 200."""
    model = build(family)
    before_LV, weight = scores(model), model.get_input_embeddings().weight.detach().clone()
    grow_vocabulary(model, extension(200, 5))
    assert model.config.vocab_size == ENTRIES
    now = model.get_input_embeddings().weight
    assert torch.equal(now[:200], weight[:200])
    assert torch.equal(now[205:], weight[205:])
    assert torch.equal(now[201], weight[[8, 10]].mean(0))
    assert torch.equal(scores(model)[:, :200], before_LV[:, :200])
    model = build(family)
    grow_vocabulary(model, extension(200, 20))
    assert model.config.vocab_size == len(model.get_output_embeddings().weight) == 220
    assert torch.equal(model.get_input_embeddings().weight[219], weight[[62, 28]].mean(0))
    assert torch.equal(scores(model)[:, :200], before_LV[:, :200])


def test_growing_twice() -> None:
    model = build("roberta")
    grow_vocabulary(model, extension(ENTRIES))
    first = model.get_input_embeddings().weight.detach().clone()
    more = Extension(
        base=BaseVocabulary(entries=ENTRIES + 13, vocabulary_xxh3_128=""),
        pieces={ENTRIES + 13: [ENTRIES + 2, 7]}, tokens={ENTRIES + 13: "w"},
    )  # fmt: skip
    grow_vocabulary(model, more)
    now = model.get_input_embeddings().weight
    assert torch.equal(now[:-1], first)
    assert torch.equal(now[-1], first[[ENTRIES + 2, 7]].mean(0))


def test_a_model_with_fewer_rows_than_the_base_is_refused() -> None:
    with pytest.raises(InputError, match="has 211 rows, fewer than the 300 entries"):
        grow_vocabulary(build("bert"), extension(300))
    with pytest.raises(ValueError, match="needs the extended tokenizer"):
        grow_vocabulary(build("bert"), extension(ENTRIES), "weighted")
