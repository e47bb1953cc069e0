"""A classifier that reads its first token answers and learns as before where the others are left out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from mlm_pretrain.modeling.first_token import for_first_token, plan_first_token
from mlm_pretrain.modeling.layers import layers_of

# The first matrix of the last layer's feed-forward part, by which its rows are counted.
FIRST = {
    "bert": "intermediate.dense", "roberta": "intermediate.dense", "electra": "intermediate.dense",
    "deberta-v2": "intermediate.dense", "mpnet": "intermediate.dense", "modernbert": "mlp.Wi",
    "distilbert": "ffn.lin1",
}  # fmt: skip


def model_of(kind: str, auto: Any = AutoModelForSequenceClassification, **more: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 90}
    if kind == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": 90}
    ids = {"pad_token_id": 1, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2}
    return auto.from_config(
        AutoConfig.for_model(kind, **sizes, **ids, eos_token_id=3, **more)
    ).eval()


@pytest.mark.parametrize("kind", list(FIRST))
def test_answers_and_gradients_stay_and_the_rest_is_not_computed(kind: str) -> None:
    model = model_of(kind)
    plan = plan_first_token(model)
    assert plan is not None
    ids = torch.randint(4, 90, (4, 11))
    ids[2, 6:] = 1
    seen: list[int] = []
    first = layers_of(model)[-1].get_submodule(FIRST[kind])
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[:-1].numel()))
    found = []
    for trimming in (None, plan):
        with for_first_token(trimming, ids):
            logits = model(input_ids=ids, attention_mask=(ids != 1).long()).logits
        model.zero_grad()
        (logits * torch.tensor([1.0, -2.0])).sum().backward()
        found.append(
            (logits, {n: p.grad for n, p in model.named_parameters() if p.grad is not None})
        )
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-4)
    assert seen == [44, 4]


@pytest.mark.parametrize("kind", ["ibert", "big_bird", "canine"])
def test_models_of_other_forms_are_left_alone(kind: str) -> None:
    model = model_of(kind)
    assert plan_first_token(model) is None
    assert getattr(model.config, "attention_type", "block_sparse") == "block_sparse"


def test_models_that_read_more_are_left_alone() -> None:
    assert plan_first_token(model_of("modernbert", classifier_pooling="mean")) is None
    assert plan_first_token(model_of("gpt2")) is None  # reads the last
    assert plan_first_token(model_of("bert", AutoModelForTokenClassification)) is None
    silent = model_of("modernbert", classifier_pooling="mean")
    torch.nn.init.zeros_(silent.model.layers[-1].mlp.Wo.weight)  # as where layers were added
    assert plan_first_token(silent) is None
    headless = model_of("modernbert")
    torch.nn.init.zeros_(headless.classifier.weight)
    assert plan_first_token(headless) is None
    training = model_of("bert").train()
    assert plan_first_token(training) is not None and training.training
