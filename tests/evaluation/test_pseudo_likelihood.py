"""Sentence scores equal asking for one token at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from benchmarks.blimp import _one_by_one
from mlm_pretrain.errors import InputError
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


_BEGIN, _END, _PAD = "<begin>", "<end>", "<pad>"


def without_borders(**roles: str) -> Any:
    """As GPT-2's: nothing is put before a text or behind it."""
    words = " ".join(SENTENCES).replace(".", " .").split()
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys([_BEGIN, _END, _PAD, *words]))}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token=_PAD))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=plain, pad_token=_PAD, **roles)


def gpt2(tokenizer: Any) -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=32, n_embd=32, n_layer=2, n_head=2,
        initializer_range=0.5,  # so large that what stands before matters
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@torch.no_grad()
def all_tokens_after(model: Any, tokenizer: Any, first: str, text: str) -> float:
    ids = [tokenizer.convert_tokens_to_ids(first), *tokenizer(text)["input_ids"]]
    total = 0.0
    for place in range(1, len(ids)):
        logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
        total += float(logits.log_softmax(-1)[ids[place]])
    return total


@pytest.mark.parametrize(
    ("roles", "first"),
    [
        ({"bos_token": _BEGIN, "eos_token": _END}, _BEGIN),
        ({"eos_token": _END}, _END),
    ],
)
def test_the_first_token_counts_where_the_tokenizer_puts_none_before(
    roles: dict[str, str], first: str
) -> None:
    tokenizer = without_borders(**roles)
    assert len(tokenizer("An assignment")["input_ids"]) == 2
    model = gpt2(tokenizer)
    expected = [all_tokens_after(model, tokenizer, first, text) for text in SENTENCES]
    assert sentence_scores(model, tokenizer, SENTENCES, is_causal=True) == pytest.approx(
        expected, rel=1e-5
    )
    alone = [_one_by_one(model, tokenizer, text, is_causal=True) for text in SENTENCES]
    assert alone == pytest.approx(expected, rel=1e-5)


def test_one_word_is_scored_too() -> None:
    tokenizer = without_borders(eos_token=_END)
    model = gpt2(tokenizer)
    names, an = sentence_scores(model, tokenizer, ["Names", "An"], is_causal=True)
    assert names < 0 and an < 0 and names != an


def test_without_any_token_to_begin_with_it_is_refused() -> None:
    tokenizer = without_borders()
    with pytest.raises(InputError, match="set bos_token"):
        sentence_scores(gpt2(tokenizer), tokenizer, SENTENCES, is_causal=True)
