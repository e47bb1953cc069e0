"""Balanced gradients: factors are those of each part's own gradient, and make all parts' norms alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from together_cases import PROGRESS, Case, parts

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.sparse_head import HeadPlan
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.together import Part, TogetherConfig
from mlm_pretrain.objectives.together.collator import PART_LABELS
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

NAMES = ("mlm", "order", "contrastive")


def balanced(way: Any = "sum", names: tuple[str, ...] = NAMES) -> TogetherConfig:
    return TogetherConfig(parts=parts(*names), together=way, balance="gradient")


def norm_alone(case: Case, number: int) -> float:
    """Of the gradient that a part's loss of the whole step alone gives a matrix behind the encoder."""
    matrix = torch.eye(64, requires_grad=True)

    def multiplied(_module: Any, _arguments: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state @ matrix.T
        return output

    handle = case.model.base_model.register_forward_hook(multiplied)
    loss = case.alone(number, case.rows_of(number)).loss
    handle.remove()
    return float(torch.autograd.grad(loss, matrix)[0].norm())


def expected_factors(case: Case) -> list[float]:
    inverse = [1 / norm_alone(case, number) for number in range(len(case.config.parts))]
    return [len(inverse) * one / sum(inverse) for one in inverse]


def step(case: Case, scale: float = 1.0) -> list[float]:
    """The factors after a backward pass over the batch, scaled as by a gradient scaler."""
    (scale * case.found().loss).backward()
    case.model.pretraining_heads.end_step(case.model)
    return case.model.pretraining_heads.factors.tolist()


@pytest.mark.parametrize("way", ["sum", "share"])
def test_factors_are_those_of_each_part_s_gradient_alone(
    way: Any, tokenizers: dict[str, Any]
) -> None:
    case = Case(tokenizers["wordpiece"], balanced(way))
    expected = expected_factors(case)
    assert max(expected) > 1.2 * min(expected)
    assert case.model.pretraining_heads.factors.tolist() == [1, 1, 1]
    assert step(case, scale=1024.0) == pytest.approx(expected, rel=1e-5)
    assert sum(expected) == pytest.approx(3)
    health = case.model.pretraining_heads.health
    logged = [health[f"{name}/learned_weight"] for name in NAMES]
    assert logged == pytest.approx(expected, rel=1e-5)
    # What a loss is multiplied by, now its factor too, is no part of its norm.
    assert step(case) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reentrant", [True, False])
def test_layers_that_are_computed_again_change_nothing(
    reentrant: bool, tokenizers: dict[str, Any]
) -> None:
    case = Case(tokenizers["wordpiece"], balanced())
    expected = expected_factors(case)
    case.model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    case.model.train()
    assert step(case) == pytest.approx(expected, rel=1e-5)


def test_a_second_pass_over_a_step_is_what_counts(tokenizers: dict[str, Any]) -> None:
    plain = balanced(names=("mlm", "contrastive"))
    cached = plain.model_copy(deep=True)
    cached.parts[1].settings["cached"] = True
    case = Case(tokenizers["wordpiece"], cached)
    case.model.train()
    passes = ModelPasses(case.model, HeadPlan())
    case.objective.prepare(case.objective, passes, [case.batch], cached)
    assert step(case) == pytest.approx(step(Case(tokenizers["wordpiece"], plain)), rel=1e-5)


def test_the_gradient_has_the_factors_and_the_loss_has_not(
    tokenizers: dict[str, Any],
) -> None:
    case = Case(tokenizers["wordpiece"], balanced(names=("mlm", "order")))
    factors = step(case)
    case.model.zero_grad()
    found, alone = case.found(), [case.alone(number, case.rows) for number in (0, 1)]
    plain = 1.75 * alone[0].loss + 3.0 * alone[1].loss
    assert found.loss.item() == pytest.approx(plain.item(), rel=1e-6)
    expected = 1.75 * factors[0] * alone[0].loss + 3.0 * factors[1] * alone[1].loss
    weights = list(case.model.base_model.encoder.parameters())
    gradients = torch.autograd.grad(found.loss, weights)
    for one, other in zip(gradients, torch.autograd.grad(expected, weights), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_loss_a_hundred_times_as_large_weighs_no_more(
    tokenizers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = step(Case(tokenizers["wordpiece"], balanced(names=("mlm", "order"))))
    order = OBJECTIVES["order"]

    def enlarged(*given: Any) -> Any:
        found = order.loss(*given)
        return found._replace(loss=100 * found.loss)

    monkeypatch.setitem(OBJECTIVES, "order", replace(order, loss=enlarged))
    case = Case(tokenizers["wordpiece"], balanced(names=("mlm", "order")))
    factors = step(case)
    assert factors[0] / factors[1] == pytest.approx(100 * plain[0] / plain[1], rel=1e-4)
    optimizer = torch.optim.SGD(case.model.parameters(), lr=1e-4)
    for _ in range(10):
        optimizer.zero_grad()
        factors = step(case)
        optimizer.step()
    norms = [factor * norm_alone(case, number) for number, factor in enumerate(factors)]
    assert norms[0] == pytest.approx(norms[1], rel=0.1)


def test_a_mean_over_steps_forgets_slowly(tokenizers: dict[str, Any]) -> None:
    case = Case(tokenizers["wordpiece"], balanced(names=("mlm", "order")))
    means: list[float] = []
    for rows in (case.rows[:6], case.rows[6:]):
        case.rows, case.batch = rows, case.collated(rows)
        means.append(norm_alone(case, 0))
        step(case)
    gradients = case.model.pretraining_heads.gradients
    found = (gradients.norms_P / gradients.weights_P)[0].item()
    assert found == pytest.approx((0.95 * means[0] + means[1]) / 1.95, rel=1e-5)


def test_a_part_without_rows_keeps_its_mean(tokenizers: dict[str, Any]) -> None:
    case = Case(tokenizers["wordpiece"], balanced("share", ("mlm", "order")))
    whole = case.batch
    case.batch = {name: part[whole[PART_LABELS] == 0] for name, part in whole.items()}
    assert step(case) == [1, 1]
    gradients = case.model.pretraining_heads.gradients
    assert gradients.weights_P[0] > 0 == gradients.weights_P[1]
    case.batch = whole
    both = step(case)
    assert both[0] != both[1] and sum(both) == pytest.approx(2)
    kept = gradients.norms_P[1].item()
    case.batch = {name: part[whole[PART_LABELS] == 0] for name, part in whole.items()}
    assert sum(step(case)) == pytest.approx(2) and gradients.norms_P[1].item() == kept


def test_a_part_whose_weight_has_gone_is_not_measured(tokenizers: dict[str, Any]) -> None:
    ends = [Part(name="mlm"), Part(name="order", weight=PROGRESS, weight_end=0.0)]
    config = TogetherConfig(parts=ends, balance="gradient")
    case = Case(tokenizers["wordpiece"], config)
    case.batch = case.collated([{**row, "progress": 1.0} for row in case.rows])
    assert step(case) == [1, 1]
    assert case.model.pretraining_heads.gradients.weights_P[0] > 0


def test_a_state_that_is_loaded_leaves_no_half_step_behind(tokenizers: dict[str, Any]) -> None:
    case = Case(tokenizers["wordpiece"], balanced(names=("mlm", "order")))
    step(case)
    heads = case.model.pretraining_heads
    before = {name: value.clone() for name, value in heads.state_dict().items()}
    assert {"gradients.norms_P", "gradients.weights_P"} <= before.keys()
    case.found().loss.backward()  # of a step that was given up
    heads.load_state_dict(before)
    heads.end_step(case.model)
    assert torch.equal(heads.gradients.norms_P, before["gradients.norms_P"])


def test_a_run_logs_the_factors_and_learns(prepared: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="modernbert:2x64", steps=12,
        batch_size=8, accumulation=2, log_every=1, precision="bf16", together="share",
        objectives=[part.model_copy(update={"weight_end": None}) for part in parts(*NAMES)],
        balance="gradient", learning_rate=3e-3,
    )  # fmt: skip
    pretrain(config)
    log = (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()
    lines = [json.loads(line) for line in log]
    logged = [
        [line[f"{name}/learned_weight"] for name in NAMES] for line in lines if "loss" in line
    ]
    assert len(logged) == 12 and len({tuple(factors) for factors in logged}) == 12
    assert all(sum(factors) == pytest.approx(3) and min(factors) > 0 for factors in logged)
    masked = [line["loss_mlm/predicted"] for line in lines if "loss" in line]
    assert sum(masked[-3:]) < 0.97 * sum(masked[:3])
