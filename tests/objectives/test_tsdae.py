"""Texts written out from their vectors: what is left out, what the loss is, what can influence what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from rows_of_texts import LENGTHS
from tsdae_cases import (
    END,
    MASK,
    OBJECTIVE,
    START,
    UNKNOWN,
    collated,
    examples,
    found_loss,
    network,
    texts,
)

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.shapes import filled_up
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives.tsdae import TsdaeCollator, TsdaeConfig, text_vectors, written
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.training.heads import attach_heads

ARCHS = ["bert", "roberta", "modernbert", "distilbert", "electra"]


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def test_what_is_read_and_what_is_to_be_written(toy: Vocabulary) -> None:
    """[CLS] a b [UNK] [SEP] and, with nothing before it, c [MASK] d."""
    ids, config = [START, 5, 6, UNKNOWN, END, 7, MASK, 8], TsdaeConfig(deletion=0.0)
    example = {"input_ids": ids, "segment_lengths": [5, 3], "epoch": 0, "example": 0}
    batch = TsdaeCollator(toy, config, 0)([example])
    assert batch["input_ids"].tolist() == batch["seen/input_ids"].tolist() == [ids]
    assert batch["labels"].tolist() == [[5, 6, UNKNOWN, -100, -100, -100, 8, -100]]
    assert batch["seen/labels"].tolist() == [[-100, 5, 6, UNKNOWN, -100, 7, -100, 8]]
    for prefix in ("", "seen/"):
        assert batch[f"{prefix}segment_ids"].tolist() == [[1] * 5 + [2] * 3]
        assert batch[f"{prefix}position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert OBJECTIVE.count(OBJECTIVE, batch) == {"written": 4}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_tokens_are_left_out_at_their_rate_and_special_ones_never(
    share: float, toy: Vocabulary
) -> None:
    rng = np.random.default_rng(0)
    rows = [[START, *rng.integers(5, 37, 20), MASK, *rng.integers(5, 37, 20), END, START, 9, END]
            for _ in range(300)]  # fmt: skip
    batch = TsdaeCollator(toy, TsdaeConfig(deletion=share), 0)(
        [{"input_ids": ids, "segment_lengths": [43, 3], "epoch": 0, "example": n}
         for n, ids in enumerate(rows)]
    )  # fmt: skip
    kept = 0
    for place, (whole, seen) in enumerate(zip(texts(batch), texts(batch, "seen/"), strict=True)):
        ids, left = whole["input_ids"].tolist(), seen["input_ids"].tolist()
        assert [i for i in left if i < 5] == [i for i in ids if i < 5]
        rest = iter(ids)
        assert all(token in rest for token in left)  # in the order of the text
        assert len(left) > sum(i < 5 for i in left)  # something to read stays
        kept += len(left) - 3 if place % 2 == 0 else 0
    assert kept / (300 * 40) == pytest.approx(1 - share, abs=0.015)
    assert batch["input_ids"][:, :46].tolist() == [[int(i) for i in ids] for ids in rows]


def test_draws_follow_from_seed_epoch_and_example_alone(tokenizer: Any) -> None:
    rows, config = examples(tokenizer), TsdaeConfig()
    batch = collated(tokenizer, config)
    for place, row in enumerate(rows):  # a row does not depend on its neighbours
        for name, own in collated(tokenizer, config, [row]).items():
            length = min(own.shape[1], batch[name].shape[1])
            assert torch.equal(own[0, :length], batch[name][place, :length]), name
            fill = -100 if name.endswith("labels") else 0
            assert (batch[name][place, length:] == fill).all(), name
    later = collated(tokenizer, config, [{**row, "epoch": 1} for row in rows])
    assert torch.equal(later["labels"], batch["labels"])
    seen = [texts(made, "seen/") for made in (batch, later)]
    same = [a["input_ids"].tolist() == b["input_ids"].tolist() for a, b in zip(*seen, strict=True)]
    assert sum(same) < len(same) / 2


def naive(model: Any, batch: Any, pooling: str) -> torch.Tensor:
    """The mean over all tokens, text after text, by the plain model with masks written out."""
    nats, joint = [], model.pretraining_heads["vector"]
    for whole, seen in zip(texts(batch), texts(batch, "seen/"), strict=True):
        states = model.base_model(input_ids=seen["input_ids"][None])[0][0]
        ordinary = [n for n, label in enumerate(seen["labels"].tolist()) if label != -100]
        vector = states[0] if pooling == "cls" else sum(states[n] for n in ordinary) / len(ordinary)
        embeds = model.get_input_embeddings()(whole["input_ids"]) + joint(vector)
        mask = leftward_mask(model, len(embeds))
        logits = model(inputs_embeds=embeds[None], attention_mask=mask).logits[0]
        for place, token in list(enumerate(whole["input_ids"].tolist()))[1:-1]:
            nats.append(-torch.log_softmax(logits[place - 1], -1)[token])
    return torch.stack(nats).mean()


def leftward_mask(model: Any, length: int) -> Any:
    full = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
    if model.config.model_type != "modernbert":
        return full
    near = full & torch.ones(length, length, dtype=torch.bool).triu(-model.config.sliding_window)
    return {"full_attention": full, "sliding_attention": near}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("arch", ARCHS)
def test_loss_and_gradients_are_those_of_each_text_alone(
    arch: str, pooling: Any, tokenizer: Any
) -> None:
    config = TsdaeConfig(pooling=pooling)
    model, batch = network(arch, tokenizer, config), collated(tokenizer, config)
    names, weights = zip(*model.named_parameters(), strict=True)
    expected = naive(model, batch, pooling)
    gradients = torch.autograd.grad(expected, weights)
    for method in ("products8", "fused", "masks"):
        require_packable(model, method)
        for head in (HeadPlan(), plan_head(model)):
            found = found_loss(model, batch, config, head)
            assert found.loss.item() == pytest.approx(expected.item(), rel=1e-5)
            assert found.sums["written"].item() == pytest.approx(
                expected.item() * OBJECTIVE.count(OBJECTIVE, batch)["written"], rel=1e-5
            )
            own = torch.autograd.grad(found.loss, weights)
            for name, one, other in zip(names, own, gradients, strict=True):
                assert torch.allclose(one, other, rtol=1e-3, atol=1e-5), name


def padded(batch: Any) -> dict[str, torch.Tensor]:
    """Each text in a row of its own."""
    found: dict[str, torch.Tensor] = {}
    for prefix in ("", "seen/"):
        alone = texts(batch, prefix)
        fills = {"input_ids": 0, "labels": -100}
        for name, fill in fills.items():
            found[prefix + name] = torch.nn.utils.rnn.pad_sequence(
                [text[name] for text in alone], True, fill
            )
        lengths = torch.tensor([len(text["labels"]) for text in alone])
        places = torch.arange(int(lengths.max())).expand(len(alone), -1)
        found[f"{prefix}segment_ids"] = (places < lengths[:, None]).long()
        found[f"{prefix}position_ids"] = places * found[f"{prefix}segment_ids"]
    return found


@pytest.mark.parametrize("method", ["products8", "masks"])
def test_packed_rows_are_as_good_as_padded_ones(method: str, tokenizer: Any) -> None:
    config = TsdaeConfig()
    model, batch = network("modernbert", tokenizer, config), collated(tokenizer, config)
    require_packable(model, method)
    one, other = (found_loss(model, b, config) for b in (batch, padded(batch)))
    assert one.loss.item() == pytest.approx(other.loss.item(), rel=1e-5)


def test_rows_that_keep_their_shape_give_the_same_loss(tokenizer: Any) -> None:
    """As compiled layers get them, with padding in the line and more tokens than are predicted."""
    config = TsdaeConfig()
    model, batch = network("bert", tokenizer, config), collated(tokenizer, config)
    require_packable(model, "products8")
    assert len(filled_up(torch.arange(3), batch["labels"].numel())) > 3
    plans = (HeadPlan(is_plain=True), HeadPlan(is_plain=True, shares=1))
    one, other = (found_loss(model, batch, config, plan).loss.item() for plan in plans)
    assert one == pytest.approx(other, rel=1e-5)


def nats_by_place(model: Any, batch: Any, config: TsdaeConfig) -> torch.Tensor:
    """The loss (B, L) of what each position predicts; 0 where it predicts nothing."""
    passes = ModelPasses(model, HeadPlan())
    with torch.no_grad():
        found = written(OBJECTIVE, passes, batch, text_vectors(passes, batch, config))
    nats = torch.zeros(batch["labels"].numel())
    nats[found.rows_P] = found.nats_P
    return nats.view_as(batch["labels"])


@pytest.mark.parametrize("method", ["products8", "fused", "masks"])
@pytest.mark.parametrize("arch", ARCHS)
def test_nothing_to_the_right_and_no_other_text_has_influence(
    arch: str, method: str, tokenizer: Any
) -> None:
    config = TsdaeConfig()
    model, batch = network(arch, tokenizer, config), collated(tokenizer, config)
    require_packable(model, method)
    before = nats_by_place(model, batch, config)
    row, changed = 2, 5 + 3 + 4  # a place in the middle of the last of three texts
    own, predicts = batch["segment_ids"] == 3, batch["labels"] != -100
    own &= torch.arange(len(own))[:, None] == row
    right = own & (torch.arange(own.shape[1]) >= changed)
    ids = batch["input_ids"].clone()
    ids[row, changed] = 11 if ids[row, changed] != 11 else 12
    differs = (nats_by_place(model, {**batch, "input_ids": ids}, config) - before).abs() > 1e-5
    assert torch.equal(differs, right & predicts)
    seen = batch["seen/input_ids"].clone()
    place = torch.nonzero(batch["seen/segment_ids"][row] == 3)[1]  # its first word
    seen[row, place] = 11 if seen[row, place] != 11 else 12
    differs = (nats_by_place(model, {**batch, "seen/input_ids": seen}, config) - before).abs()
    assert torch.equal(differs > 1e-5, own & predicts)


def test_every_text_s_vector_gets_a_gradient_from_the_first_step_on(tokenizer: Any) -> None:
    config = TsdaeConfig()
    model: Any = new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), config, seed=0)
    require_packable(model, "products8")
    batch, passes = collated(tokenizer, config), ModelPasses(model, HeadPlan())
    vectors = text_vectors(passes, batch, config)
    total = written(OBJECTIVE, passes, batch, vectors).total
    (gradient,) = torch.autograd.grad(total, [vectors])
    assert gradient.shape == (sum(map(len, LENGTHS)), 64)
    assert (gradient.abs().amax(1) > 0).all()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_batch_that_does_not_count_has_a_loss_of_zero(pooling: Any, tokenizer: Any) -> None:
    config = TsdaeConfig(pooling=pooling)
    model, batch = network("bert", tokenizer, config).train(), collated(tokenizer, config)
    require_packable(model, "products8")
    for name in ("labels", "seen/labels"):
        batch[name] = torch.full_like(batch[name], -100)
    assert OBJECTIVE.count(OBJECTIVE, batch) == {"written": 0}
    found = found_loss(model, batch, config)
    found.loss.backward()
    assert found.loss.item() == 0.0
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_what_is_added_begins_as_large_as_the_tokens_vectors(tokenizer: Any) -> None:
    """Else a pretrained model would read noise at first, or nothing of the text's vector."""
    model: Any = new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    with torch.no_grad():
        model.get_input_embeddings().weight *= 5
    attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), TsdaeConfig(), seed=0)
    states = torch.nn.functional.layer_norm(torch.randn(200, 64), (64,))
    added = model.pretraining_heads["vector"](states).std()
    assert 0.7 < added / model.get_input_embeddings().weight.std() < 1.4
