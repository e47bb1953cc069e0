"""Rows to fill gaps in and rows to continue, in one batch and one forward pass."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.as_decoder import as_decoder
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.causal import CausalCollator, CausalConfig
from mlm_pretrain.objectives.hybrid import HybridCollator, HybridConfig
from mlm_pretrain.objectives.masked import MaskedCollator
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.placement import PlacedCollator

OBJECTIVE = OBJECTIVES["hybrid"]
LENGTHS = [[12, 20], [40], [5, 3, 9], [30], [7, 25], [16, 16], [33]]
METHODS = ["products8", "fused", "masks"]


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def examples(lengths: list[list[int]] = LENGTHS, **given: Any) -> list[dict[str, Any]]:
    generator = np.random.default_rng(2)
    return [
        {
            "input_ids": generator.integers(5, 2_000, sum(row)), "segment_lengths": row,
            "epoch": 0, "example": place, **given,
        }
        for place, row in enumerate(lengths)
    ]  # fmt: skip


def test_each_row_is_as_its_own_objective_makes_it(tokenizer: Any) -> None:
    vocabulary, config = read_vocabulary(tokenizer), HybridConfig(causal_share=0.5)
    batch = HybridCollator(vocabulary, config, 3)(examples())
    ways = batch["is_causal"]
    assert 0 < ways.sum() < len(LENGTHS)
    masked = MaskedCollator(vocabulary, config.masking, 3)(examples())
    causal = CausalCollator(vocabulary, CausalConfig(), 3)(examples())
    for name in ("segment_ids", "position_ids"):
        assert torch.equal(batch[name], masked[name])
    for name in ("input_ids", "labels"):
        assert torch.equal(batch[name][~ways], masked[name][~ways])
    assert torch.equal(batch["input_ids"][ways], causal["input_ids"][ways])
    assert torch.equal(batch["labels"][ways, :-1], causal["labels"][ways, 1:])
    assert (batch["labels"][ways, -1] == -100).all()
    for place, example in enumerate(examples()):  # a row does not depend on its neighbours
        alone = HybridCollator(vocabulary, config, 3)([example])
        assert alone["is_causal"][0] == ways[place]
        length = len(example["input_ids"])
        assert torch.equal(alone["labels"][0, :length], batch["labels"][place, :length])


def test_a_row_that_keeps_a_process_in_step_counts_for_nothing(tokenizer: Any) -> None:
    """However many processes have none of their own, a step's loss weighs its two ways alike."""
    collator = HybridCollator(read_vocabulary(tokenizer), HybridConfig(causal_share=0.5), 3)
    place = PlacedCollator(collator, 3, draws_from_places=True)
    for row in examples():
        counts = OBJECTIVE.count(OBJECTIVE, place([{**row, "weightless": True}]))
        assert set(counts.values()) == {0}
        assert sum(OBJECTIVE.count(OBJECTIVE, place([row])).values()) > 1


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.6), (0.5, 0.4), (1.0, 0.2)])
def test_the_share_changes_over_the_run(tokenizer: Any, progress: float, share: float) -> None:
    config = HybridConfig(causal_share=0.6, causal_share_end=0.2)
    collator = HybridCollator(read_vocabulary(tokenizer), config, 0)
    ways = collator(examples([[8]] * 4_000, progress=progress))["is_causal"]
    assert float(ways.float().mean()) == pytest.approx(share, abs=0.03)


def naive(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(1 − r) · mean of the masked + r · mean of the causal, segment after segment, by plain models."""
    decoder, nats = as_decoder(model), {True: list[float](), False: list[float]()}
    for row, is_causal in enumerate(batch["is_causal"].tolist()):
        for number in range(1, int(batch["segment_ids"][row].max()) + 1):
            its = batch["segment_ids"][row] == number
            network = decoder if is_causal else model
            logits = network(input_ids=batch["input_ids"][row, its][None]).logits[0]
            labels = batch["labels"][row, its]
            found = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
            nats[is_causal] += found[labels != -100].tolist()
    share = float(batch["is_causal"].float().mean())
    return (1 - share) * torch.tensor(nats[False]).mean() + share * torch.tensor(nats[True]).mean()


def network(arch: str, tokenizer: Any) -> Any:
    model: Any = new_model(f"{arch}:4x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    if arch == "modernbert":
        model.config.local_attention = 16  # windows shorter than the segments
        model = type(model)(model.config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                weight *= 4  # a leak between segments, or from the right, would show
    return model.eval()


def loss_of(model: Any, batch: dict[str, torch.Tensor], head: HeadPlan) -> Any:
    counts = OBJECTIVE.count(OBJECTIVE, batch)
    return OBJECTIVE.loss(OBJECTIVE, ModelPasses(model, head), batch, counts, HybridConfig())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert"])
def test_the_loss_is_that_of_an_encoder_and_a_decoder(
    arch: str, method: str, tokenizer: Any
) -> None:
    model = network(arch, tokenizer)
    config = HybridConfig(causal_share=0.5)
    batch = HybridCollator(read_vocabulary(tokenizer), config, 3)(examples())
    expected = naive(model, batch)
    require_packable(model, method)
    for head in (HeadPlan(), plan_head(model)):
        found = loss_of(model, batch, head)
        assert found.loss.item() == pytest.approx(float(expected), rel=1e-5)
        assert found.loss.requires_grad
        counts = OBJECTIVE.count(OBJECTIVE, batch)
        means = {name: float(total) / counts[name] for name, total in found.sums.items()}
        share = float(batch["is_causal"].float().mean())
        assert (1 - share) * means["masked"] + share * means["causal"] == pytest.approx(
            float(expected), rel=1e-5
        )


def test_packed_rows_are_as_good_as_rows_of_one_segment(tokenizer: Any) -> None:
    model = network("bert", tokenizer)
    require_packable(model, "products8")
    collator = HybridCollator(read_vocabulary(tokenizer), HybridConfig(causal_share=1.0), 0)
    packed = examples([[12, 20, 8]])
    borders = np.cumsum([0, 12, 20, 8])
    single = [
        {"input_ids": packed[0]["input_ids"][a:b], "epoch": 0, "example": n}
        for n, (a, b) in enumerate(pairwise(borders))
    ]
    one, other = (loss_of(model, collator(rows), plan_head(model)) for rows in (packed, single))
    assert one.loss.item() == pytest.approx(other.loss.item(), rel=1e-5)
