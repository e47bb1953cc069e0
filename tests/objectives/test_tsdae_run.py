"""Training writes texts from their vectors, says whether these are of use, and gives an encoder back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, TrainingArguments
from tsdae_cases import END, OBJECTIVE, START, collated, found_loss, network

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.export import export
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan
from mlm_pretrain.objectives.tsdae import TsdaeCollator, TsdaeConfig, text_vectors, written
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.trainers import TRAINERS


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[str, Any]) -> Any:
    return tokenizers["wordpiece"]


def topical(count: int) -> list[dict[str, Any]]:
    """Rows of two texts of the toy vocabulary, each of one of four topics with words of its own."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        topics = rng.permutation(4)[:2]
        words = [5 + 7 * topic + rng.integers(0, 7, 10) for topic in topics]
        ids = np.concatenate([[START, *own, END] for own in words])
        rows.append({"input_ids": ids, "segment_lengths": [12, 12], "epoch": 0, "example": number})
    return rows


@pytest.mark.parametrize(("arch", "pooling"), [("bert", "mean"), ("modernbert", "cls")])
def test_what_is_trained_makes_use_of_the_vector(
    arch: str, pooling: Any, toy_tokenizer: Any, toy: Vocabulary
) -> None:
    config = TsdaeConfig(pooling=pooling)
    model: Any = new_model(f"{arch}:2x64", OBJECTIVE.auto_class, toy_tokenizer, 24, seed=0)
    attach_heads(model, OBJECTIVE, toy, config, seed=0)
    require_packable(model, "products8")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    collator = TsdaeCollator(toy, config, 0)
    rows = topical(32)
    for step in range(60):
        batch = collator([{**row, "epoch": step} for row in rows])
        optimizer.zero_grad()
        found_loss(model.train(), batch, config).loss.backward()
        optimizer.step()
    batch, passes = collator([{**row, "epoch": 99} for row in rows]), ModelPasses(model, HeadPlan())
    first = batch["position_ids"] == 0  # of a text's first word nothing else tells
    first &= batch["labels"] != -100
    model.eval()
    with torch.no_grad():
        vectors = text_vectors(passes, batch, config)
        other = (
            vectors.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        )  # the row's text of another topic
        nats = []
        for given in (vectors, other):
            found = written(OBJECTIVE, passes, batch, given)
            nats.append(found.nats_P[first.flatten()[found.rows_P]].mean().item())
    assert nats[0] < np.log(28) - 0.5  # better than without knowing the topic
    assert nats[1] > nats[0] + 1


def test_validation_tells_the_loss_with_vectors_of_others(tokenizer: Any) -> None:
    config = TsdaeConfig()
    model, batch = network("bert", tokenizer, config), collated(tokenizer, config)
    require_packable(model, "products8")
    found, passes = found_loss(model, batch, config), ModelPasses(model, HeadPlan())
    vectors = torch.cat([text_vectors(passes, row, config) for row in rows_of(batch)])
    order = [*range(7, 14), *range(7)]  # of the fourteen texts each gets that of one far from it
    swapped = written(OBJECTIVE, passes, batch, vectors[order]).total.item()
    tallies = {name: float(total) for name, total in found.tallies.items()}
    assert tallies["other_tokens"] == OBJECTIVE.count(OBJECTIVE, batch)["written"]
    assert OBJECTIVE.figures is not None
    figures = OBJECTIVE.figures(tallies)
    assert figures["loss_other_vector"] == pytest.approx(
        swapped / tallies["other_tokens"], rel=1e-5
    )
    assert figures["loss_other_vector"] != pytest.approx(found.loss.item(), rel=1e-4)
    one_text = found_loss(model, {name: part[1:2] for name, part in batch.items()}, config)
    assert OBJECTIVE.figures(one_text.tallies or {}) == {}
    assert found_loss(model.train(), batch, config).tallies is None  # it costs a pass


def rows_of(batch: Any) -> list[dict[str, torch.Tensor]]:
    return [
        {name: part[row : row + 1] for name, part in batch.items()}
        for row in range(len(batch["labels"]))
    ]


def run(prepared: Path, out: Path, **settings: Any) -> dict[str, Any]:
    given = {"arch": "bert:2x64", "objective": "tsdae", "steps": 6, "batch_size": 8, **settings}
    return pretrain(PretrainConfig(data=str(prepared), out=str(out), precision="fp32", **given))


def test_a_run_is_validated_by_its_own_loss_and_exports_an_encoder(
    prepared: Path, tmp_path: Path
) -> None:
    scores = run(prepared, tmp_path / "run", objective_settings={"pooling": "cls"})["validation"]
    assert scores["loss_nats"] == scores["loss_written"] > 0
    assert scores["loss_other_vector"] > 0 and scores["predicted_tokens"] > 0
    found = export(tmp_path / "run", tmp_path / "model")
    assert "heads.safetensors" not in found["files"]
    assert not [n for n in load_file(tmp_path / "model" / "model.safetensors") if "vector" in n]
    config = json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["BertForMaskedLM"]
    AutoModelForMaskedLM.from_pretrained(tmp_path / "model")
    tokens = AutoTokenizer.from_pretrained(tmp_path / "model")("the end", return_tensors="pt")
    assert AutoModel.from_pretrained(tmp_path / "model")(**tokens)[0].shape[-1] == 64
    assert evaluate(tmp_path / "model", prepared, limit_rows=4)["predicted_tokens"] > 0
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "pipeline_tag: feature-extraction" in card and "the state of its first token" in card
    assert f"{scores['loss_other_vector']:.4f} where each" in card
    assert "does not fill gaps" in card


def test_it_goes_on_from_a_masked_model(prepared: Path, tiny_model: Path, tmp_path: Path) -> None:
    changes = {"arch": None, "init": str(tiny_model), "steps": 2}
    run(prepared, tmp_path / "run", **changes)
    export(tmp_path / "run", tmp_path / "model")
    before, after = (load_file(f / "model.safetensors") for f in (tiny_model, tmp_path / "model"))
    assert before.keys() == after.keys()
    same = [name for name in before if torch.equal(before[name], after[name])]
    assert not same  # the head learns too


def test_scores_without_the_vectors_are_not_given_for_metrics(
    prepared: Path, tmp_path: Path
) -> None:
    """Read both ways, as other encoders are, the rows would show what is to be written."""
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    trainer = TRAINERS["tsdae"](
        model=new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0),
        args=TrainingArguments(str(tmp_path), use_cpu=True), processing_class=tokenizer,
        eval_dataset=PackedDataset(prepared, "validation"), compute_metrics=lambda _found: {},
    )  # fmt: skip
    with pytest.raises(InputError, match="leave compute_metrics out"):
        trainer.evaluate()
    trainer.compute_metrics = None
    assert trainer.evaluate()["eval_loss"] > 0


def test_batches_from_elsewhere_are_refused(prepared: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = new_model("bert:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    with pytest.raises(InputError, match="tsdae makes its own batches"):
        TRAINERS["tsdae"](
            model=model, args=TrainingArguments(str(tmp_path), use_cpu=True),
            train_dataset=[{"input_ids": [2, 7, 8, 3], "labels": [-100, 7, -100, -100]}],
            processing_class=tokenizer,
        )  # fmt: skip
