"""Replaced tokens: how they are drawn, what is said of them, and the two models that share token vectors."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.masked import MaskedCollator
from mlm_pretrain.objectives.replaced import (
    ReplacedCollator,
    ReplacedConfig,
    drawn_ids,
    drawn_in_chunks,
    figures,
)
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.training.heads import attach_heads, own_state, read_generator, write_heads

OBJECTIVE = OBJECTIVES["replaced"]
LENGTHS = [[12, 20], [40], [5, 3, 9], [30], [7, 25], [16, 16], [33]]
FAMILIES = ["bert", "roberta", "modernbert", "electra"]


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> Vocabulary:
    return read_vocabulary(tokenizer)


def examples(lengths: list[list[int]] = LENGTHS) -> list[dict[str, Any]]:
    generator = np.random.default_rng(2)
    return [
        {
            "input_ids": generator.integers(5, 2_000, sum(row)), "segment_lengths": row,
            "epoch": 0, "example": place,
        }
        for place, row in enumerate(lengths)
    ]  # fmt: skip


def network(family: str, tokenizer: Any, **settings: Any) -> Any:
    """A model with its generator, whose scores are far enough apart that a leak would show."""
    model: Any = new_model(
        f"{family}:4x64", OBJECTIVE.auto_class, tokenizer, 64, 0,
        family_classes=OBJECTIVE.family_classes,
    )  # fmt: skip
    if family == "modernbert":
        model.config.local_attention = 16
        model = type(model)(model.config)
    attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), ReplacedConfig(**settings), 0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                weight *= 4
    return model.eval()


def pack(model: Any, method: str) -> None:
    for part in (model, model.pretraining_heads.generator):
        require_packable(part, method)


def loss_of(
    model: Any, batch: dict[str, torch.Tensor], head: HeadPlan, **settings: Any
) -> tuple[Any, dict[str, int]]:
    counts, config = OBJECTIVE.count(OBJECTIVE, batch), ReplacedConfig(**settings)
    return OBJECTIVE.loss(OBJECTIVE, ModelPasses(model, head), batch, counts, config), counts


def test_a_batch_is_a_masked_one_with_draws(vocabulary: Vocabulary) -> None:
    config, rows = ReplacedConfig(), examples()
    rows[0]["input_ids"][[0, 11]] = 2, 3  # [CLS] … [SEP]
    batch = ReplacedCollator(vocabulary, config, 3)(rows)
    masked = MaskedCollator(vocabulary, config.masking, 3)(rows)
    assert all(torch.equal(batch[name], masked[name]) for name in masked)
    is_masked = batch["labels"] != -100
    draws = batch["draws"][is_masked]
    assert len(draws.unique()) == len(draws)
    assert draws.min() >= 0 and draws.max() < 1 and not batch["draws"][~is_masked].any()
    assert int(batch["is_text"].sum()) == sum(sum(row) for row in LENGTHS) - 2
    for place, row in enumerate(rows):  # a row does not depend on its neighbours
        alone, length = ReplacedCollator(vocabulary, config, 3)([row]), len(row["input_ids"])
        assert torch.equal(alone["draws"][0, :length], batch["draws"][place, :length])
    later = ReplacedCollator(vocabulary, config, 3)([{**row, "epoch": 1} for row in rows])
    assert not np.isin(later["draws"][later["labels"] != -100], draws).any()


def test_draws_follow_the_distribution_exactly() -> None:
    share_V = torch.tensor([0.125, 0.0, 0.5, 0.25, 0.125])
    draws_P = torch.arange(800) / 800
    ids_P = drawn_ids(share_V.log().expand(800, 5), draws_P)
    assert torch.bincount(ids_P, minlength=5).tolist() == [100, 0, 400, 200, 100]
    assert drawn_ids(share_V.log()[None], torch.tensor([1 - 2**-24])).tolist() == [4]
    scores_PV = torch.randn(5_000, 2_000, generator=torch.Generator().manual_seed(0))
    draws_P = torch.rand(5_000, generator=torch.Generator().manual_seed(1))
    in_chunks = drawn_in_chunks(scores_PV.__getitem__, draws_P, 2_000)
    assert torch.equal(in_chunks, drawn_ids(scores_PV, draws_P))
    assert len(drawn_in_chunks(scores_PV.__getitem__, draws_P[:0], 2_000)) == 0


@torch.no_grad()
def naive(model: Any, batch: dict[str, torch.Tensor]) -> tuple[float, float]:
    """(mean of the generator, mean of the discriminator), token after token, by plain calls of the models."""
    nats: list[float] = []
    binary: list[float] = []
    for row in range(len(batch["labels"])):
        for number in range(1, int(batch["segment_ids"][row].max()) + 1):
            its = batch["segment_ids"][row] == number
            seen, labels, draws, is_text = (
                batch[name][row, its] for name in ("input_ids", "labels", "draws", "is_text")
            )
            logits = model.pretraining_heads.generator(input_ids=seen[None]).logits[0].double()
            chosen = torch.where(labels == -100, seen, labels)
            original = chosen.clone()
            for place in (labels != -100).nonzero().flatten().tolist():
                shares = logits[place].softmax(-1)
                nats.append(-float(shares[labels[place]].log()))
                chosen[place] = int((shares.cumsum(-1) <= float(draws[place])).sum())
            said = model(input_ids=chosen[None]).logits
            odds = said[0] if said.dim() == 2 else said[0, :, 1] - said[0, :, 0]
            for place in is_text.nonzero().flatten().tolist():
                sign = 1.0 if chosen[place] != original[place] else -1.0
                binary.append(float(-torch.nn.functional.logsigmoid(sign * odds[place])))
    return float(np.mean(nats)), float(np.mean(binary))


@pytest.mark.parametrize("sharing", ["disentangled", "tied"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_that_of_two_plain_models(family: str, sharing: str, tokenizer: Any) -> None:
    model = network(family, tokenizer, sharing=sharing)
    batch = ReplacedCollator(read_vocabulary(tokenizer), ReplacedConfig(), 3)(examples())
    generator, discriminator = naive(model, batch)
    for method in ("masks", "fused", "products8"):
        pack(model, method)
        for head in (HeadPlan(), HeadPlan(shares=1), plan_head(model)):
            found, counts = loss_of(model, batch, head)
            means = {name: float(total) / counts[name] for name, total in found.sums.items()}
            assert means["generator"] == pytest.approx(generator, rel=1e-5)
            assert means["discriminator"] == pytest.approx(discriminator, rel=1e-5)
            assert found.loss.item() == pytest.approx(generator + 50 * discriminator, rel=1e-5)
            assert OBJECTIVE.combined(means, ReplacedConfig()) == pytest.approx(found.loss.item())


def test_rows_and_their_sum_are_the_same_however_they_are_split(tokenizer: Any) -> None:
    model = network("bert", tokenizer)
    pack(model, "products8")
    collator = ReplacedCollator(read_vocabulary(tokenizer), ReplacedConfig(), 3)
    rows = [
        *examples(),
        {"input_ids": np.array([2, 3]), "epoch": 0, "example": 99},
    ]  # nothing masked
    for row in rows:
        row.setdefault("segment_lengths", [len(row["input_ids"])])
    whole, counts = loss_of(model, collator(rows), plan_head(model))
    parts = [loss_of(model, collator([row]), plan_head(model)) for row in rows]
    for name in OBJECTIVE.terms:
        assert counts[name] == sum(counted[name] for _, counted in parts)
        sums = [float(found.sums[name]) for found, _ in parts]
        assert sum(sums) == pytest.approx(float(whole.sums[name]), rel=1e-5)
    for name, number in whole.tallies.items():  # the same tokens were drawn
        assert int(number) == sum(int(found.tallies[name]) for found, _ in parts)
    nothing = parts[-1][0].loss
    assert nothing.requires_grad and nothing.item() == 0


def test_a_right_draw_is_no_replacement(tokenizer: Any) -> None:
    model = network("bert", tokenizer)
    batch = ReplacedCollator(read_vocabulary(tokenizer), ReplacedConfig(), 3)(examples([[40]]))
    generator = model.pretraining_heads.generator
    right = int(batch["labels"].max())
    with torch.no_grad():
        generator.cls.predictions.bias[right] += 1e4
    found, counts = loss_of(model, batch, HeadPlan())
    wrong = int(((batch["labels"] != -100) & (batch["labels"] != right)).sum())
    assert int(found.tallies["replaced"]) == wrong == counts["generator"] - 1
    assert int(found.tallies["judged"]) == counts["discriminator"] == 40


def test_the_figures() -> None:
    found = figures({"judged": 100, "right": 90, "replaced": 20, "said": 16, "found": 13})
    assert found["accuracy"] == 0.9 and found["recall"] == 0.65 and found["precision"] == 13 / 16
    assert found["f1"] == pytest.approx(2 * 0.65 * (13 / 16) / (0.65 + 13 / 16))
    assert figures(dict.fromkeys(("judged", "right", "replaced", "said", "found"), 0))["f1"] == 0


def gradients(model: Any, batch: Any, weight: float) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss_of(model, batch, plan_head(model), discriminator_weight=weight)[0].loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_gradient_of_the_discriminator_reaches_the_generator(
    family: str, tokenizer: Any
) -> None:
    model = network(family, tokenizer)
    own = model.get_input_embeddings()
    plain = new_model(
        f"{family}:4x64", OBJECTIVE.auto_class, tokenizer, 64, 0,
        family_classes=OBJECTIVE.family_classes,
    ).get_input_embeddings()  # fmt: skip
    assert not own.weight.any() and own.padding_idx == plain.padding_idx
    batch = ReplacedCollator(read_vocabulary(tokenizer), ReplacedConfig(), 3)(examples())
    pack(model, "products8")
    alone, both = (gradients(model, batch, weight) for weight in (0.0, 50.0))
    for name in alone:
        if ".generator." in name:
            assert torch.equal(alone[name], both[name]), name
        else:
            assert not alone[name].any(), name
    name = next(n for n, p in model.named_parameters() if p is own.weight)
    ids = torch.unique(both[name].nonzero()[:, 0])
    assert len(ids) > 100 and "generator" not in name


def test_one_table_gets_both_gradients(tokenizer: Any) -> None:
    model = network("bert", tokenizer, sharing="tied")
    generator = model.pretraining_heads.generator
    table = model.get_input_embeddings().weight
    assert table is generator.get_input_embeddings().weight
    assert table is generator.get_output_embeddings().weight
    apart = network("bert", tokenizer, sharing="none")
    tables = [m.get_input_embeddings().weight for m in (apart, apart.pretraining_heads.generator)]
    assert tables[0] is not tables[1] and torch.equal(*tables)
    batch = ReplacedCollator(read_vocabulary(tokenizer), ReplacedConfig(), 3)(examples())
    for network_ in (model, apart):
        pack(network_, "masks")
        loss_of(network_, batch, HeadPlan())[0].loss.backward()
    expected = sum(t.grad for t in tables)
    assert (table.grad - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("sharing", ["disentangled", "tied", "none"])
def test_what_is_saved_opens_anywhere(sharing: str, tokenizer: Any, tmp_path: Path) -> None:
    model = network("bert", tokenizer, sharing=sharing, generator_layers=1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.01 * torch.randn_like(weight)
    model.save_pretrained(tmp_path, state_dict=own_state(model))
    write_heads(model, tmp_path)
    again = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    assert again.config.id2label == {0: "original", 1: "replaced"}
    ids = torch.arange(30)[None]
    generator = read_generator(again, tmp_path)
    assert generator.config.num_hidden_layers == 1
    with torch.no_grad():
        assert torch.equal(again(input_ids=ids).logits, model(input_ids=ids).logits)
        trained = model.pretraining_heads.generator(input_ids=ids).logits
        assert torch.equal(generator(input_ids=ids).logits, trained)


def test_a_copy_reads_its_own_generator(tokenizer: Any) -> None:
    model = copy.deepcopy(network("bert", tokenizer))
    base = model.get_input_embeddings().base
    assert base is model.pretraining_heads.generator.get_input_embeddings()


@pytest.mark.parametrize(
    ("arch", "settings", "words"),
    [
        ("bert:2x128", {}, "64 wide, the model's 128"),
        ("roberta:2x64", {}, "same family"),
        ("bert:2x64", {"folder": "nowhere"}, "cannot be read"),
    ],
)
def test_a_generator_that_does_not_fit(
    arch: str, settings: dict[str, str], words: str, tokenizer: Any, tmp_path: Path
) -> None:
    new_model("bert:1x64", "AutoModelForMaskedLM", tokenizer, 64, 0).save_pretrained(tmp_path)
    folder = str(tmp_path / settings.get("folder", ""))
    model = new_model(arch, OBJECTIVE.auto_class, tokenizer, 64, 0)
    with pytest.raises(InputError) as caught:
        config = ReplacedConfig(generator=folder)
        attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), config, 0)
    assert words in f"{caught.value} {caught.value.__dict__}"
