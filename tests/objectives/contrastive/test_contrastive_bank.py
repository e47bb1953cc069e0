"""Keys of earlier steps: in which order, from which encoder, and how old."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contrastive_cases import OBJECTIVE, collated, network, passes_of

from mlm_pretrain.objectives.contrastive.bank import empty_bank, enqueued, staleness
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.objective import count, loss


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def test_the_oldest_keys_go_first() -> None:
    bank, written = empty_bank(5, 2), []
    assert len(bank.filled) == 0 and staleness(bank.written_K, 3) == 0.0
    for step, count_ in enumerate((3, 1, 4, 0, 7, 2), start=1):
        keys = [float(len(written) + n) for n in range(count_)]
        written += keys
        bank = enqueued(bank, torch.tensor(keys).view(-1, 1).expand(-1, 2), step)
        assert sorted(bank.filled[:, 0].tolist()) == written[-5:]
        places = {n % 5: key for n, key in enumerate(written)}
        if step < 5:  # until more come at once than there is room for
            assert all(bank.keys_KH[place, 0] == key for place, key in places.items())
    assert sorted(bank.written_K.tolist()) == [5, 5, 5, 6, 6]
    assert staleness(bank.written_K, 7) == pytest.approx((3 * 2 + 2 * 1) / 5)


def test_a_step_moves_the_momentum_encoder_and_fills_the_bank_once(tokenizer: Any) -> None:
    config = ContrastiveConfig(
        positives="augmented", bank_size=32, momentum=0.9, projection=16, health_every=1
    )
    model = network(tokenizer, config).train()
    heads, passes, batch = model.pretraining_heads, passes_of(model), collated(tokenizer, config)
    texts = count(OBJECTIVE, batch)["texts"]
    with torch.no_grad():  # as an informed start changes it after heads were made
        model.base_model.embeddings.word_embeddings.weight.mul_(2)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    for _ in range(2):
        loss(OBJECTIVE, passes, batch, {"texts": 2 * texts}, config).loss.backward()
        assert not len(heads.bank.filled)  # negatives of a step do not depend on how it is split
    start = {n: p.clone() for n, p in model.base_model.named_parameters()}
    for name, key in heads.encoder.named_parameters():
        assert key.grad is None and torch.equal(key, start[name])
    optimizer.step()
    heads.end_step(model)
    for name, key in heads.encoder.named_parameters():
        now = dict(model.base_model.named_parameters())[name]
        assert torch.equal(key, (start[name] * 0.9).add(now, alpha=1 - 0.9))
    assert len(heads.bank.filled) == 2 * texts
    assert heads.written_K.tolist() == [1] * 2 * texts + [-1] * (32 - 2 * texts)
    assert heads.health.keys() == {"alignment", "uniformity", "effective_rank", "texts", "bank_age"}
    with torch.no_grad():
        model.eval()
        loss(OBJECTIVE, passes, batch, {"texts": texts}, config)
    heads.end_step(model)
    assert (
        len(heads.bank.filled) == 2 * texts and heads.health["bank_age"] == 1
    )  # no key of an evaluation


def test_heads_come_back_whole(tokenizer: Any) -> None:
    config = ContrastiveConfig(positives="spans", bank_size=8)
    model, other = (network(tokenizer, config).train() for _ in range(2))
    batch = collated(tokenizer, config)
    for _ in range(2):
        loss(OBJECTIVE, passes_of(model), batch, {"texts": 1}, config)
        model.pretraining_heads.end_step(model)
    loss(OBJECTIVE, passes_of(other), batch, {"texts": 1}, config)  # a step that never ended
    other.pretraining_heads.load_state_dict(model.pretraining_heads.state_dict())
    for one in (model, other):
        one.pretraining_heads.end_step(one)
    states = [one.pretraining_heads.state_dict() for one in (model, other)]
    assert all(torch.equal(states[1][name], value) for name, value in states[0].items())
    assert int(states[0]["steps"]) == 3
