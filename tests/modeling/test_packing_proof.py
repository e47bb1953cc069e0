"""A model shows on itself that packed documents are apart, or is refused before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention import methods
from mlm_pretrain.modeling.attention.choosing import is_decided, method_of, require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.modeling.sizes import DECODERS, FAMILIES, check_length

IDS = range(5, 60)
SMALL = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes_and_is_left_as_it_was(family: str, tokenizer: Any) -> None:
    head = "AutoModelForCausalLM" if family in DECODERS else "AutoModelForMaskedLM"
    model = new_model(f"{family}:2x64", head, tokenizer, 64, 0, dropout=0.1).train()
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    prove_packable(model, IDS, family in DECODERS)
    assert torch.equal(torch.rand(2), expected)
    assert model.training


def test_a_model_whose_attention_ignores_a_part_of_the_mask_is_refused(tokenizer: Any) -> None:
    """A hidden path from one document to the next: a layer that mixes neighbours."""
    model = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, 0)

    def mix(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output + 0.05 * output.roll(1, dims=1)

    model.get_input_embeddings().register_forward_hook(mix)
    with pytest.raises(InputError, match="packed into one row see each other"):
        prove_packable(model, IDS, is_causal=False)


def test_where_packed_attention_does_not_pass_masks_are_taken(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a model whose layers ask for what packed attention does not compute."""
    monkeypatch.setattr(methods, "UNSUPPORTED", ("output_attentions",))
    model: Any = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, 0)
    model.bert.encoder.layer[1].attention.self.register_forward_pre_hook(
        lambda _module, args, kwargs: (args, {**kwargs, "output_attentions": False}),
        with_kwargs=True,
    )
    prove_packable(model, IDS, is_causal=False)
    assert method_of(model) == "masks"


def _saved(config: Any, folder: Path) -> str:
    config.save_pretrained(folder)
    return str(folder / "config.json")


def test_an_encoder_with_a_decoder_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    arch = _saved(transformers.BartConfig(d_model=64, encoder_layers=1, decoder_layers=1), tmp_path)
    with pytest.raises(InputError, match="an encoder with a decoder"):
        new_model(arch, "AutoModelForMaskedLM", tokenizer, 64, 0)


DEBERTA = transformers.DebertaConfig(**SMALL, relative_attention=True, pos_att_type=["c2p"])
OWN_ATTENTION = [
    DEBERTA,
    transformers.DebertaV2Config(  # as version 3 of DeBERTa
        **SMALL, position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True,
        relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
    ),
    transformers.MPNetConfig(**SMALL | {"max_position_embeddings": 66}),
    transformers.RemBertConfig(**SMALL),
    transformers.MegatronBertConfig(**SMALL),
]  # fmt: skip


@pytest.mark.parametrize("config", OWN_ATTENTION, ids=lambda config: config.model_type)
def test_one_with_attention_of_its_own_gets_masks_that_it_reads(
    config: Any, tokenizer: Any, tmp_path: Path
) -> None:
    """And ordinary batches, with padding, as they were."""
    model: Any = new_model(
        _saved(config, tmp_path), "AutoModelForMaskedLM", tokenizer, 64, 0
    ).eval()
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
    batch = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    with torch.no_grad():
        before = model(**batch).logits
        require_packable(model)
        assert not is_decided(model)  # the first form that is set may be read the wrong way round
        prove_packable(model, IDS, is_causal=False, method="products8")
        assert model.config._attn_implementation == "eager" and method_of(model) == "masks"
        assert is_decided(model)
        torch.testing.assert_close(model(**batch).logits, before, rtol=0, atol=0)
    longest = SMALL["max_position_embeddings"]
    with pytest.raises(InputError, match=f"{longest + 1} tokens"):
        check_length(model.config, longest + 1)


def test_one_that_half_precision_breaks_is_refused_in_it(tokenizer: Any, tmp_path: Path) -> None:
    model = new_model(_saved(DEBERTA, tmp_path), "AutoModelForMaskedLM", tokenizer, 64, 0)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(InputError, match="train it in fp32"):
        prove_packable(model, IDS, is_causal=False)


def test_blocks_of_a_row_are_no_documents(tokenizer: Any, tmp_path: Path) -> None:
    arch = _saved(transformers.BigBirdConfig(**SMALL), tmp_path)
    model = new_model(arch, "AutoModelForMaskedLM", tokenizer, 64, 0)
    with pytest.raises(InputError, match="attends by blocks of a row"):
        prove_packable(model, IDS, is_causal=False)


def test_why_one_is_refused_is_said_of_the_best_way_that_was_tried(
    tokenizer: Any, tmp_path: Path
) -> None:
    """Its vectors are of three tokens each; that it cannot read masks in a third form is no reason."""
    arch = _saved(transformers.MobileBertConfig(**SMALL, embedding_size=64), tmp_path)
    model = new_model(arch, "AutoModelForMaskedLM", tokenizer, 64, 0)
    with pytest.raises(
        InputError, match="MobileBertForMaskedLM: documents packed into one row see"
    ):
        prove_packable(model, IDS, is_causal=False)


def test_one_that_cannot_read_the_masks_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    config = transformers.EsmConfig(
        **SMALL, mask_token_id=tokenizer.mask_token_id, position_embedding_type="rotary",
    )  # fmt: skip
    model = new_model(_saved(config, tmp_path), "AutoModelForMaskedLM", tokenizer, 32, 0)
    with pytest.raises(InputError, match="EsmForMaskedLM cannot read packed rows"):
        prove_packable(model, IDS, is_causal=False)
