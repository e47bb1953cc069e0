"""Sentence scores equal asking for one token at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores
from mlm_pretrain.modeling.build import new_model

SENTENCES = [
    "The value of an object.",
    "An assignment",
    "Names refer to objects and are introduced.",
]


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Any:
    return AutoTokenizer.from_pretrained(prepared / "tokenizer")


@torch.no_grad()
def masked_one_at_a_time(model: Any, tokenizer: Any, text: str) -> float:
    inputs = tokenizer(text, return_tensors="pt", return_special_tokens_mask=True)
    special = inputs.pop("special_tokens_mask")[0]
    total = 0.0
    for place in torch.nonzero(special == 0).flatten().tolist():
        ids = inputs["input_ids"].clone()
        right, ids[0, place] = int(ids[0, place]), tokenizer.mask_token_id
        total += float(model(input_ids=ids).logits[0, place].log_softmax(-1)[right])
    return total


@torch.no_grad()
def from_the_left(model: Any, tokenizer: Any, text: str) -> float:
    encoded = tokenizer(text, return_special_tokens_mask=True)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    total = 0.0
    for place in range(1, len(ids)):
        if not special[place]:
            logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
            total += float(logits.log_softmax(-1)[ids[place]])
    return total


@pytest.mark.parametrize(
    ("arch", "head", "naive"),
    [
        ("bert:2x64", "AutoModelForMaskedLM", masked_one_at_a_time),
        ("llama:2x64", "AutoModelForCausalLM", from_the_left),
    ],
)
def test_scores_equal_one_token_at_a_time(arch: str, head: str, naive: Any, tokenizer: Any) -> None:
    model: Any = new_model(arch, head, tokenizer, 64, seed=0).eval()
    scores = sentence_scores(model, tokenizer, SENTENCES, is_causal="Causal" in head)
    expected = [naive(model, tokenizer, text) for text in SENTENCES]
    assert scores == pytest.approx(expected, rel=1e-5)
    assert len(set(scores)) == len(SENTENCES)
