"""Training the token vectors that are read gives what training all of them gives."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
)

from mlm_pretrain.modeling.few_rows import FewRows, train_all_rows, train_few_rows

_VOCABULARY = 60
_READ = torch.tensor([0, 3, 4, 7, 11, 40])


def model_of(kind: str, auto: Any = AutoModelForSequenceClassification) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "pad_token_id": 0}
    config = AutoConfig.for_model(
        kind, **sizes, vocab_size=_VOCABULARY, hidden_dropout_prob=0.0, max_position_embeddings=24,
        attention_probs_dropout_prob=0.0, cls_token_id=3, sep_token_id=4, bos_token_id=3, eos_token_id=4,
    )  # fmt: skip
    return auto.from_config(config).train()


def trained(model: Any, steps: int = 4) -> Any:
    """After some steps of AdamW, clipped, on rows of `_READ` with padding."""
    generator = torch.Generator().manual_seed(1)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.0)
    for _ in range(steps):
        ids = _READ[torch.randint(1, len(_READ), (4, 9), generator=generator)]
        ids[0, 5:] = 0
        loss = model(ids, attention_mask=(ids > 0).long(), labels=torch.tensor([0, 1, 1, 0])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 0.1)
        optimizer.step()
        optimizer.zero_grad()
    return model


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_the_weights_are_those_of_training_the_whole_table(kind: str) -> None:
    whole = model_of(kind)
    few = copy.deepcopy(whole)
    before = whole.get_input_embeddings().weight.detach().clone()
    train_few_rows(few, _READ)
    assert isinstance(few.get_input_embeddings(), FewRows)
    trained(whole), trained(few)
    everything = torch.arange(_VOCABULARY)[None, :20]
    torch.testing.assert_close(few.eval()(everything).logits, whole.eval()(everything).logits)
    train_all_rows(few)
    assert few.state_dict().keys() == whole.state_dict().keys()
    for name, expected in whole.state_dict().items():
        torch.testing.assert_close(few.state_dict()[name], expected, atol=1e-6, rtol=1e-5)
    table = few.get_input_embeddings().weight
    assert table.requires_grad
    others = torch.ones(_VOCABULARY, dtype=torch.bool).index_fill(0, _READ, False)
    assert torch.equal(table[others], before[others])
    assert (table[_READ[1:]] - before[_READ[1:]]).abs().amin(1).gt(1e-4).all()


def test_a_token_that_was_not_named_is_an_error_in_training() -> None:
    model = model_of("bert")
    train_few_rows(model, _READ)
    with pytest.raises(IndexError):
        model(torch.tensor([[3, 5, 4]]))


def test_two_models_put_together_and_unknown_places_stay() -> None:
    """Of the one the library knows where the table is and not how to set it, of the other not even that."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 60}
    part = BertConfig(**sizes, intermediate_size=32)
    both = EncoderDecoderModel(
        EncoderDecoderConfig.from_encoder_decoder_configs(part, BertConfig(**part.to_dict()))
    )
    canine = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model("canine", hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    )
    for model in (both, canine):
        before = [name for name, _ in model.named_parameters()]
        train_few_rows(model, _READ)
        assert [name for name, p in model.named_parameters() if p.requires_grad] == before
        train_all_rows(model)


def test_tables_that_are_read_elsewhere_or_not_trained_stay() -> None:
    tied, frozen, all_read = (
        model_of("bert", AutoModelForMaskedLM),
        model_of("bert"),
        model_of("bert"),
    )
    frozen.get_input_embeddings().weight.requires_grad = False
    train_few_rows(tied, _READ)
    train_few_rows(frozen, _READ)
    train_few_rows(all_read, torch.arange(_VOCABULARY))
    for model in (tied, frozen, all_read):
        assert type(model.get_input_embeddings()) is torch.nn.Embedding
        train_all_rows(model)  # changes nothing
    assert not frozen.get_input_embeddings().weight.requires_grad
