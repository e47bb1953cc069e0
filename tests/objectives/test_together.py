"""Several objectives on one encoder: what each part learns from, what the whole loss is, what is refused."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from together_cases import Case, examples, parts

import mlm_pretrain.objectives as room
from mlm_pretrain.cli.recipe import Recipe
from mlm_pretrain.config import build_config, set_value
from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.together import Part, TogetherConfig, together
from mlm_pretrain.objectives.together.collator import PART_LABELS, batch_of
from mlm_pretrain.training.checkpoints.fingerprint import changes
from mlm_pretrain.training.placement import PlacedCollator
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


def test_the_sum_is_that_of_the_parts_alone(tokenizers: dict[str, Any]) -> None:
    case = Case(tokenizers["wordpiece"], TogetherConfig(parts=parts("mlm", "order")))
    found, alone = case.found(), [case.alone(number, case.rows) for number in (0, 1)]
    expected = 1.75 * alone[0].loss + 3.0 * alone[1].loss  # a quarter of the way from 2 to 1
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    terms = {
        "mlm/predicted": (0, "predicted"),
        "order/masked": (1, "masked"),
        "order/order": (1, "order"),
    }
    assert set(found.sums) == set(terms) == set(case.objective.terms)
    for name, (number, term) in terms.items():
        assert found.sums[name].item() == pytest.approx(alone[number].sums[term].item(), rel=1e-6)
    weights = [
        p for name, p in case.model.named_parameters() if p.requires_grad and "pooler" not in name
    ]
    gradients = torch.autograd.grad(found.loss, weights)
    expected_gradients = torch.autograd.grad(expected, weights)
    for one, other in zip(gradients, expected_gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_each_row_goes_to_one_part(tokenizers: dict[str, Any]) -> None:
    config = TogetherConfig(parts=parts("mlm", "order", "contrastive"), together="share")
    case = Case(tokenizers["wordpiece"], config, rows=40)
    drawn = case.batch[PART_LABELS]
    for place, row in enumerate(case.rows):
        assert case.collated([row])[PART_LABELS].item() == drawn[place]
    many = case.collated(examples(tokenizers["wordpiece"], 2000))[PART_LABELS]
    shares = torch.bincount(many).double() / 2000
    assert shares.tolist() == pytest.approx([1.75 / 8.75, 3 / 8.75, 4 / 8.75], abs=0.03)
    counts = case.objective.count(case.objective, case.batch)
    assert [counts[f"{p.name}/rows"] for p in config.parts] == torch.bincount(drawn).tolist()


@pytest.mark.parametrize("names", [("order", "mlm"), ("hybrid", "contrastive")])
def test_a_batch_holds_nothing_twice(names: tuple[str, ...], tokenizers: dict[str, Any]) -> None:
    case = Case(tokenizers["wordpiece"], TogetherConfig(parts=parts(*names)))
    assert len({part.data_ptr() for part in case.batch.values()}) == len(case.batch)
    for number, member in enumerate(case.config.members):
        own = member.objective.collator(case.vocabulary, member.config, 7)(case.rows)
        found = batch_of(case.batch, number, member.name)
        assert found.keys() == own.keys()
        assert all(torch.equal(found[name], part) for name, part in own.items())


@pytest.mark.parametrize(
    "names", [("mlm", "order"), ("contrastive", "hybrid", "order"), ("tsdae", "mlm")]
)
def test_shared_rows_give_the_mean_of_the_parts_means(
    names: tuple[str, ...], tokenizers: dict[str, Any]
) -> None:
    case = Case(tokenizers["wordpiece"], TogetherConfig(parts=parts(*names), together="share"))
    expected = 0.0
    for number in range(len(names)):
        mine = case.rows_of(number)
        assert mine
        expected += len(mine) / len(case.rows) * case.alone(number, mine).loss.item()
    assert case.found().loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("way", ["sum", "share"])
def test_learned_weights_have_the_gradient_of_the_formula(
    way: Any, tokenizers: dict[str, Any]
) -> None:
    config = TogetherConfig(parts=parts("mlm", "order"), together=way, balance="uncertainty")
    case = Case(tokenizers["wordpiece"], config)
    s_P = case.model.pretraining_heads.log_variance_P
    with torch.no_grad():
        s_P.copy_(torch.tensor([0.5, -0.3]))
    rows = [case.rows_of(n) for n in (0, 1)]
    weights = [1.75, 3.0] if way == "sum" else [len(mine) / len(case.rows) for mine in rows]
    losses = [case.alone(n, rows[n]).loss.item() for n in (0, 1)]
    whole = sum(
        w * (exp(-s) * x + s) for w, s, x in zip(weights, s_P.tolist(), losses, strict=True)
    )
    loss = case.found().loss
    assert loss.item() == pytest.approx(whole, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, [s_P])
    by_hand = [w * (1 - exp(-s) * x) for w, s, x in zip(weights, s_P.tolist(), losses, strict=True)]
    assert gradient.tolist() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("way", ["sum", "share"])
def test_a_row_that_only_keeps_step_counts_for_no_part(
    way: Any, tokenizers: dict[str, Any]
) -> None:
    config = TogetherConfig(parts=parts("mlm", "order", "contrastive", "tsdae"), together=way)
    case = Case(tokenizers["wordpiece"], config, rows=1)
    collator = case.objective.collator(case.vocabulary, config, 7)
    case.batch = PlacedCollator(collator, 7, True)([{**case.rows[0], "weightless": True}])
    assert not any(case.objective.count(case.objective, case.batch).values())
    case.model.train()
    found = case.found()
    assert found.loss.item() == 0 and not any(found.sums.values())
    used = torch.autograd.grad(found.loss, list(case.model.pretraining_heads["order"].parameters()))
    assert not any(gradient.any() for gradient in used)  # there, for those who wait for them


def test_a_head_beside_contrastive_texts_is_trained_where_a_part_needs_it(
    tokenizers: dict[str, Any],
) -> None:
    beside = parts("contrastive")
    alone = Case(tokenizers["wordpiece"], TogetherConfig(parts=beside), rows=1)
    both = Case(tokenizers["wordpiece"], TogetherConfig(parts=[*beside, *parts("mlm")]), rows=1)
    assert not any(p.requires_grad for p in alone.model.cls.predictions.transform.parameters())
    assert all(p.requires_grad for p in both.model.cls.parameters())
    assert both.objective.served == ("mlm",)


README = Path(room.__file__).with_name("README.md")


def recipe_of_the_readme(**pretraining: Any) -> Recipe:
    """The YAML in the section on several objectives."""
    text = README.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    values = yaml.safe_load(text)
    values["pretrain"] |= pretraining
    return build_config(Recipe, values, "README")


def test_the_readme_s_recipe_trains_and_its_heads_are_exported(
    prepared: Path, tmp_path: Path
) -> None:
    config = recipe_of_the_readme(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", steps=4, batch_size=16,
        log_every=1, precision="fp32",
    ).pretrain  # fmt: skip
    names = [part.name for part in config.objectives]
    assert config.objective == "+".join(names)
    result = pretrain(config)
    assert result["validation"]["loss_nats"] > 0
    lines = [
        json.loads(s) for s in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()
    ]
    logged = [f"loss_{name}/{term}" for name in names for term in OBJECTIVES[name].terms]
    assert all(sum(line[name] for line in lines) > 0 for name in logged)
    assert all(f"{name}/learned_weight" in line for line in lines for name in names)
    assert pretrain(config, resume=True)["steps"] == 4
    again = PretrainConfig.model_validate(config.model_dump())  # as a run's record has it
    assert again == config
    export(tmp_path / "run", tmp_path / "model")
    card = " ".join((tmp_path / "model" / "README.md").read_text("utf-8").split())
    assert f"several objectives on one encoder ({', '.join(names)}), by [mlm-pretrain]" in card
    assert "| balance | uncertainty |" in card
    heads = load_file(tmp_path / "model" / "heads.safetensors")
    assert heads and all(
        name.startswith(("order.order.", "contrastive.projection.")) for name in heads
    )
    assert not [
        n for n in load_file(tmp_path / "model" / "model.safetensors") if "pretraining" in n
    ]


def test_the_command_lines_list_is_the_recipe_s() -> None:
    flag = README.read_text("utf-8").split("`--set pretrain.objectives=")[1].split("`")[0]
    values: dict[str, Any] = {"folder": "x"}
    set_value(values, "pretrain.objectives=" + flag.replace('"', ""))
    found = build_config(Recipe, values, "flags").pretrain.objectives
    assert found == [Part(name="mlm"), Part(name="order", weight=0.5)]


def test_checkpoints_know_the_parts_and_all_their_settings() -> None:
    configs = [
        TogetherConfig(parts=[Part(name="mlm"), Part(name="order", weight_end=end)]).model_dump()
        for end in (None, 2.0)
    ]
    assert configs[0]["parts"][1]["settings"]["masking"]["ratio"] > 0  # defaults are written out
    common: dict[str, Any] = {
        "processes": 1, "finds_batch": False, "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
    }  # fmt: skip
    prints = [
        {"settings": {**common, "objective_config": c}, "data": 0, "tokenizer": 0, "model": 0}
        for c in configs
    ]
    assert not changes(prints[0], prints[0])
    assert len(changes(*prints)) == 1


REFUSED_PARTS = {
    ("mlm", "clm"): "give hybrid in place of clm",
    ("mlm", "replaced"): "train it alone: --objective replaced",
}


@pytest.mark.parametrize("names", REFUSED_PARTS)
def test_parts_that_cannot_share_a_model_are_refused(
    names: tuple[str, ...], prepared: Path, tmp_path: Path
) -> None:
    listed = [{"name": name} for name in names]
    config = build_config(
        PretrainConfig, {"data": str(prepared), "out": str(tmp_path / "run"), "objectives": listed}, "run"
    )  # fmt: skip
    with pytest.raises(InputError, match=REFUSED_PARTS[names]):
        pretrain(config)
    assert not (tmp_path / "run").exists()


def test_masks_follow_the_losses_of_one_part() -> None:
    adaptive = {"adaptive": 1.0}
    listed = [
        Part(name="mlm", settings=adaptive), Part(name="order", settings={"masking": adaptive})
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"give order settings of its own .* adaptive: 0.0"):
        together(TogetherConfig(parts=listed))


MLM, ORDER = {"name": "mlm"}, {"name": "order"}
REFUSED: dict[str, dict[str, Any]] = {
    "give objective .* or objectives .* not both": {
        "objective": "order",
        "objectives": [MLM, ORDER],
    },
    "mlm is listed twice: give each objective once": {"objectives": [MLM, MLM]},
    "no such objective; known: mlm": {"objectives": [{"name": "mml"}]},
    "every weight_end is 0: keep one above it": {"objectives": [{**MLM, "weight_end": 0.0}]},
    "'objectives.0.weight'.*greater than 0": {"objectives": [{**MLM, "weight": 0.0}]},
    "say how `objectives` go together": {"balance": "uncertainty"},
    r"unknown setting 'objectives.0.wieght'": {"objectives": [{**MLM, "wieght": 2.0}]},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_settings_that_contradict_each_other_are_refused(reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        build_config(PretrainConfig, REFUSED[reason], "settings")


def test_the_card_of_several_says_what_holds_beside_others() -> None:
    config = TogetherConfig(parts=parts("mlm", "tsdae", "hybrid"))
    card = together(config).its_card
    said = card.use(config)
    assert card.trained_by == "several objectives on one encoder (mlm, tsdae, hybrid)"
    assert "A text's vector is" in said and "as the decoder in `causal/`" in said
    assert not card.alone and "does not fill gaps" not in said
