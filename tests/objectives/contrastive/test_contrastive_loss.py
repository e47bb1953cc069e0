"""The loss against loops, embeddings against texts read alone, and gradients of a step cut in parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contrastive_cases import OBJECTIVE, collated, examples, gradients, network, passes_of

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.info_nce import info_nce
from mlm_pretrain.objectives.contrastive.objective import count, embeddings, loss, prepare_step


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def naive(queries: Any, keys: Any, bank: Any, hard: int) -> torch.Tensor:
    losses = []
    for i, query in enumerate(queries):
        past = sorted([query @ key for key in bank], key=lambda s: float(s.detach()), reverse=True)[
            : hard or len(bank)
        ]
        similar = [query @ key for key in keys] + past
        total = sum((s / 0.05).exp() for s in similar)
        losses.append(-((query @ keys[i] / 0.05).exp() / total).log())
    return torch.stack(losses)


@pytest.mark.parametrize(("size", "hard"), [(0, 0), (9, 0), (9, 3), (3, 5)])
def test_info_nce_is_what_loops_give(size: int, hard: int) -> None:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(2 * 6 + size, 8, generator=generator, dtype=torch.float64)
    queries, keys, bank = torch.nn.functional.normalize(drawn, dim=1).split([6, 6, size])
    sides = [side.clone().requires_grad_() for side in (queries, keys) * 2]
    found = info_nce(sides[0], sides[1], 0.05, bank if size else None, hard)
    expected = naive(sides[2], sides[3], bank, hard)
    assert torch.allclose(found, expected, atol=1e-5)
    (found.sum() + expected.sum()).backward()
    for side, other in ((0, 2), (1, 3)):
        assert torch.allclose(sides[side].grad, sides[other].grad, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("method", ["products8", "fused", "masks"])
@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert"])
def test_embeddings_are_those_of_each_text_alone(
    arch: str, method: str, pooling: Any, tokenizer: Any
) -> None:
    config = ContrastiveConfig(positives="augmented", pooling=pooling, bank_size=4)
    model = network(tokenizer, config, arch, method).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name and "heads" not in name:
                weight *= 3  # a leak between texts would show
        batch = collated(tokenizer, config)
        keys_of_bank = embeddings(passes_of(model), batch, config)
        model.pretraining_heads.encoder = None
        both = embeddings(passes_of(model), batch, config)
        for found in (both, keys_of_bank):
            assert torch.allclose(torch.cat(found), alone(model, batch, pooling), atol=1e-5)
    assert count(OBJECTIVE, batch) == {"texts": len(both[0])}


def alone(model: Any, batch: Any, pooling: str) -> torch.Tensor:
    """(2 · N, H): each text of the first half of the rows by itself, then those of the second."""
    half, found = batch["input_ids"].shape[1] // 2, []
    for part in (slice(0, half), slice(half, None)):
        for row, segments in enumerate(batch["segment_ids"][:, part]):
            for number in segments.unique()[segments.unique() > 0]:
                its = segments == number
                states = model.base_model(batch["input_ids"][row, part][its][None])[0][0]
                ordinary = batch["labels"][row, part][its] != -100
                found.append(states[0] if pooling == "cls" else states[ordinary].mean(0))
    return torch.nn.functional.normalize(torch.stack(found), dim=1)


def step(model: Any, batches: list[Any], config: ContrastiveConfig) -> float:
    """The loss of one step and, in the model, its gradients."""
    model.zero_grad()
    passes, texts = passes_of(model), sum(count(OBJECTIVE, batch)["texts"] for batch in batches)
    prepare_step(OBJECTIVE, passes, batches, config)
    total = 0.0
    for batch in batches:
        found = loss(OBJECTIVE, passes, batch, {"texts": texts}, config)
        found.loss.backward()
        total += float(found.loss.detach())
        assert float(found.sums["texts"]) / texts == pytest.approx(float(found.loss.detach()))
    return total


@pytest.mark.parametrize("bank_size", [0, 8])
def test_a_step_in_parts_has_the_gradients_of_the_whole(bank_size: int, tokenizer: Any) -> None:
    settings: Any = {
        "positives": "augmented",
        "bank_size": bank_size,
        "projection": 16,
        "spread": 0.5,
    }
    plain, cached = (ContrastiveConfig(**settings, cached=c) for c in (False, True))
    rows = examples(tokenizer)
    model = network(tokenizer, cached).train()
    if bank_size:
        model.pretraining_heads.note(*torch.nn.functional.normalize(torch.randn(2, 5, 16), dim=2))
        model.pretraining_heads.end_step(model)
    whole = step(model, [collated(tokenizer, plain)], plain)
    expected = gradients(model)
    assert expected and not any("encoder" in name and "heads" in name for name in expected)
    parts = [collated(tokenizer, cached, rows[a:b]) for a, b in ((0, 3), (3, 4), (4, 8))]
    assert step(model, parts, cached) == pytest.approx(whole, rel=1e-5)
    found = gradients(model)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, rtol=1e-4, atol=1e-6), name
    assert step(model, parts, plain) != pytest.approx(whole, rel=1e-3)  # fewer negatives each


def test_the_second_pass_draws_the_dropout_of_the_first(tokenizer: Any) -> None:
    config = ContrastiveConfig(positives="dropout", bank_size=0, spread=0, cached=True)
    model = network(tokenizer, config, dropout=0.1).train()
    rows, passes = examples(tokenizer), passes_of(model)
    parts = [collated(tokenizer, config, rows[:4]), collated(tokenizer, config, rows[4:])]
    torch.manual_seed(5)
    prepare_step(OBJECTIVE, passes, parts, config)
    after = torch.get_rng_state()
    for batch in parts:
        loss(OBJECTIVE, passes, batch, {"texts": 1}, config).loss.backward()
    assert torch.equal(torch.get_rng_state(), after)
    found = gradients(model)
    model.zero_grad()
    torch.manual_seed(5)
    queries, keys = map(
        torch.cat, zip(*(embeddings(passes, b, config) for b in parts), strict=True)
    )
    info_nce(queries, keys, config.temperature).sum().backward()
    for name, gradient in gradients(model).items():
        assert torch.allclose(found[name], gradient, rtol=1e-4, atol=1e-5), name


def test_a_batch_that_does_not_count_has_a_loss_of_zero(tokenizer: Any) -> None:
    for settings in ({"bank_size": 0}, {"bank_size": 4, "pooling": "cls"}):
        config = ContrastiveConfig(positives="spans", texts="segments", **settings)
        model, batch = network(tokenizer, config).train(), collated(tokenizer, config)
        batch["labels"] = torch.full_like(batch["labels"], -100)
        assert count(OBJECTIVE, batch) == {"texts": 0}
        found = loss(OBJECTIVE, passes_of(model), batch, {"texts": 0}, config)
        found.loss.backward()
        assert float(found.loss.detach()) == 0.0
        trained = [p for n, p in model.named_parameters() if p.requires_grad]
        assert all(p.grad is not None and not p.grad.any() for p in trained)


@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert", "distilbert", "electra"])
def test_views_that_would_be_equal_are_refused(arch: str, tokenizer: Any) -> None:
    with pytest.raises(InputError, match="--dropout"):
        network(tokenizer, ContrastiveConfig(positives="dropout"), arch)
    network(tokenizer, ContrastiveConfig(positives="dropout"), arch, dropout=0.1)
