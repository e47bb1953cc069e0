"""The term that spreads embeddings: against loops, at its ends, and what following it does to them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contrastive_cases import OBJECTIVE, collated, network, passes_of

from mlm_pretrain.objectives.contrastive.collapse import effective_rank
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.info_nce import info_nce
from mlm_pretrain.objectives.contrastive.objective import count, embeddings, loss
from mlm_pretrain.objectives.contrastive.spread import spread


def directions(count: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    drawn = torch.randn(count, width, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=1)


@pytest.mark.parametrize("size", [0, 9])
def test_it_is_what_loops_give(size: int) -> None:
    queries, keys, bank = directions(2 * 6 + size, 8).split([6, 6, size])
    expected = []
    for i, query in enumerate(queries):
        others = [*(key for j, key in enumerate(keys) if j != i), *bank]
        expected.append(8 * sum(float(query @ key) ** 2 for key in others) / len(others))
    found = spread(queries, keys, bank if size else None)
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-12)


def test_its_ends() -> None:
    one = directions(1, 8)
    assert spread(one.expand(5, 8), one.expand(5, 8)).tolist() == pytest.approx([8.0] * 5)
    even = torch.cat([torch.eye(8), -torch.eye(8)]).double()
    among = spread(even[:1], directions(1, 8), even)  # the one text of the batch does not count
    assert among.tolist() == pytest.approx([1.0])
    assert spread(one, one).tolist() == [0.0]


def test_following_it_uses_all_directions() -> None:
    crowded = directions(64, 16) * torch.tensor([3.0] + [0.3] * 15) + 2 * torch.eye(16)[0]
    points = crowded.double().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.05)

    def unit() -> torch.Tensor:
        return torch.nn.functional.normalize(points, dim=1)

    before = effective_rank(unit().detach())
    for _ in range(200):
        optimizer.zero_grad()
        spread(unit(), unit()).sum().backward()
        optimizer.step()
    assert before < 10 and effective_rank(unit().detach()) > 15.5


@pytest.mark.parametrize("bank_size", [0, 8])
def test_it_is_added_to_each_texts_loss(bank_size: int, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    config = ContrastiveConfig(
        positives="augmented", texts="sentences", spread=0.5, bank_size=bank_size
    )
    model, batch = network(tokenizer, config).train(), collated(tokenizer, config)
    passes, bank = passes_of(model), None
    if bank_size:
        heads = model.pretraining_heads
        heads.note(*directions(5, 64).float().expand(2, 5, 64))
        heads.end_step(model)
        bank = heads.bank.filled
    queries, keys = embeddings(passes, batch, config)
    nats = info_nce(queries, keys, config.temperature, bank) + 0.5 * spread(queries, keys, bank)
    counts = count(OBJECTIVE, batch)
    found = loss(OBJECTIVE, passes, batch, counts, config)
    assert float(found.loss) == pytest.approx(float(nats.mean()), rel=1e-6)
    assert float(found.sums["texts"]) == pytest.approx(float(nats.sum()), rel=1e-6)
