"""Attention with dropout on processors: what is kept of it, its gradients, and where it is taken."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from mlm_pretrain.modeling.attention import rows
from mlm_pretrain.modeling.attention.choosing import attend_quickly
from mlm_pretrain.modeling.attention.layout import borders_of, layout_of
from mlm_pretrain.modeling.attention.products import products
from mlm_pretrain.modeling.attention.rows import NAME
from mlm_pretrain.modeling.attention.shares import attend
from mlm_pretrain.modeling.dropout import kept_levels, scaled_mask

_DROPPED = 0.3
_SCALE = 0.5


def heads_of(*shape: int) -> list[torch.Tensor]:
    """Queries, keys and values."""
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(*shape, generator=generator, requires_grad=True) for _ in range(3)]


def written_out(q: Any, k: Any, v: Any, seen: Any, mask: Any) -> torch.Tensor:
    """Attention (…, S, D) of the shares that `mask` leaves."""
    scores = (q @ k.transpose(-1, -2) * _SCALE).masked_fill(~seen, float("-inf"))
    return (scores.softmax(-1) * mask) @ v


def compare(found: torch.Tensor, expected: torch.Tensor, leaves: list[torch.Tensor]) -> None:
    """Outputs, and the gradients of something made of them."""
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(3))
    grads = [torch.autograd.grad((out * weights).sum(), leaves) for out in (found, expected)]
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("sight", ["padded", "whole", "left"])
def test_rows_are_those_of_the_shares_that_are_kept(sight: str) -> None:
    rows, heads, length = 3, 2, 9
    leaves = heads_of(rows, heads, length, 4)
    seen = torch.ones(rows, 1, length, length, dtype=torch.bool)
    if sight == "padded":
        seen[1, :, :, 5:] = False
    if sight == "left":
        seen = seen.tril()
    torch.manual_seed(5)
    found, _ = ALL_ATTENTION_FUNCTIONS[NAME](
        torch.nn.Identity(), *leaves, seen if sight == "padded" else None, dropout=_DROPPED,
        scaling=_SCALE, is_causal=sight == "left",
    )  # fmt: skip
    torch.manual_seed(5)
    flat = scaled_mask(torch.empty(rows * heads, length, length), kept_levels(_DROPPED))
    assert 0.2 < (flat == 0).double().mean() < 0.4
    expected = written_out(*leaves, seen, flat.view(rows, heads, length, length))
    compare(found, expected.transpose(1, 2), leaves)


@pytest.mark.parametrize("case", ["other keys", "grouped heads", "added"])
def test_other_forms_are_those_of_the_library(case: str) -> None:
    """Without an element that is dropped, so that the library's own attention says what is right."""
    q, k, v = heads_of(2, 4, 6, 8)
    mask = torch.ones(2, 1, 6, 6, dtype=torch.bool).tril()
    if case == "other keys":  # of another text, or of more than is asked from
        k, v = (x[:, :, :3] for x in (k, v))
        mask = mask[..., :3]
    if case == "grouped heads":
        k, v = (x[:, :2] for x in (k, v))
    if case == "added":
        mask = torch.zeros(2, 1, 6, 6).masked_fill_(~mask, torch.finfo(torch.float32).min)
    module = torch.nn.Identity()
    module.num_key_value_groups = 2 if case == "grouped heads" else 1
    for given in (mask, None):
        outputs = [
            ALL_ATTENTION_FUNCTIONS[name](
                module, q, k, v, given, dropout=rate, scaling=_SCALE, is_causal=case != "added"
            )[0]
            for name, rate in (("sdpa", 0.0), (NAME, 1e-5))
        ]
        torch.testing.assert_close(outputs[1], outputs[0], atol=1e-4, rtol=1e-4)


def test_packed_segments_are_those_of_the_shares_that_are_kept() -> None:
    lengths, heads = [5, 9, 6], 2
    leaves = heads_of(heads, sum(lengths), 4)
    layout = layout_of(borders_of(np.array(lengths), torch.device("cpu")))
    settings = {"scale": _SCALE, "is_causal": False, "window": None, "multiple": 8}
    torch.manual_seed(5)
    found = products(*leaves, layout, **settings, dropout=_DROPPED)
    torch.manual_seed(5)  # the draws of the short ones come first, filled up to 8, then that of 16
    short = scaled_mask(torch.empty(2 * heads, 8, 8), kept_levels(_DROPPED)).view(2, heads, 8, 8)
    long = scaled_mask(torch.empty(heads, 16, 16), kept_levels(_DROPPED))
    parts = [leaf.split(lengths, 1) for leaf in leaves]
    pieces = []
    for number, (length, mask) in enumerate(zip(lengths, (short[0], long, short[1]), strict=True)):
        seen = torch.ones(length, length, dtype=torch.bool)
        line = [part[number] for part in parts]
        pieces.append(written_out(*line, seen, mask[:, :length, :length]))
    compare(found, torch.cat(pieces, 1).transpose(0, 1), leaves)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_model_attends_by_it_and_says_nothing_of_it(
    kind: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """One of 65,536 shares is dropped, and here none: the model is as it was, in training as well."""
    sizes = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0}
    rates = {"attention_probs_dropout_prob": 1e-5, "attn_pdrop": 1e-5, "hidden_dropout_prob": 0.0}
    config = AutoConfig.for_model(
        kind, **sizes, **rates, num_attention_heads=2, resid_pdrop=0.0, embd_pdrop=0.0
    )
    torch.manual_seed(0)
    stock = AutoModelForSequenceClassification.from_config(config).train()
    quick = copy.deepcopy(stock)
    attend_quickly(quick)
    assert quick.config._attn_implementation == NAME
    ids = torch.randint(1, 100, (3, 17))
    ids[1, 9:] = ids[2, 4:] = 0
    taken = []
    monkeypatch.setattr(rows, "attend", lambda *given: taken.append(1) or attend(*given))
    found = []
    for model in (stock, quick):
        outputs = model(ids, attention_mask=(ids > 0).long(), labels=torch.tensor([0, 1, 0]))
        outputs.loss.backward()
        found.append((outputs.logits, [p.grad for p in model.parameters()]))
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-4)
    assert len(taken) == 2  # once a layer of the quick one
    quick.save_pretrained(tmp_path)
    assert NAME not in json.dumps(json.loads((tmp_path / "config.json").read_text("utf-8")))
