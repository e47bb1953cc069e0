"""Denoising: a segment is a pair, whatever stands beside it, and the loss is that of each pair alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.export import export
from mlm_pretrain.modeling.build import continued_model, new_model
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.denoising import (
    DenoisingCollator,
    DenoisingConfig,
    of_like_length,
    pairs_of,
)
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from tokenizer_training import TokenizerConfig, train_tokenizer

OBJECTIVE = OBJECTIVES["denoising"]


@pytest.fixture(scope="module")
def data(corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed rows of 64 tokens whose tokenizer has 24 sentinels."""
    folder = tmp_path_factory.mktemp("denoising")
    settings = TokenizerConfig(sentinels=24)
    train_tokenizer([str(corpus_file)], "byte-bpe", 900, folder / "tokenizer", settings)
    config = PrepareConfig(max_length=64, validation_share=0.1, processes=1)
    prepare([str(corpus_file)], folder / "tokenizer", folder / "data", config)
    return folder / "data"


@pytest.fixture(scope="module")
def tokenizer(data: Path) -> Any:
    return AutoTokenizer.from_pretrained(data / "tokenizer")


def examples(data: Path, count: int) -> list[dict[str, Any]]:
    """Rows of several segments each."""
    rows = PackedDataset(data, "train")
    packed = [n for n in range(len(rows)) if len(rows[n]["segment_lengths"]) > 1]
    return [{**rows[n], "epoch": 0, "example": n} for n in packed[:count]]


@pytest.mark.parametrize("kind", ["bart", "t5", "ul2"])
def test_a_segment_does_not_depend_on_its_neighbours(kind: str, data: Path, tokenizer: Any) -> None:
    collator = DenoisingCollator(read_vocabulary(tokenizer), DenoisingConfig(kind=kind), seed=1)
    rows = examples(data, 4)
    batch = collator(rows)
    for place, row in enumerate(rows):
        first, *_ = row["segment_lengths"]
        other = {**row, "input_ids": row["input_ids"][:first], "segment_lengths": [first]}
        alone = collator([other])
        for name, part in alone.items():
            width = part.shape[-1]
            assert torch.equal(batch[name][place, 0, :width], part[0, 0])
    again = collator([{**row, "epoch": 1} for row in rows])
    assert again["input_ids"].shape != batch["input_ids"].shape or not torch.equal(
        again["input_ids"], batch["input_ids"]
    )


@pytest.mark.parametrize("kind", ["bart", "t5", "ul2"])
@pytest.mark.parametrize("family", ["t5", "bart"])
def test_the_loss_is_that_of_each_segment_alone(
    family: str, kind: str, data: Path, tokenizer: Any
) -> None:
    vocabulary, config = read_vocabulary(tokenizer), DenoisingConfig(kind=kind)
    model = new_model(f"{family}:2x64", OBJECTIVE.auto_class, tokenizer, 64, 0).train()
    head = plan_head(model)
    assert head.is_plain == (family == "t5") and head.trimming is None
    batch = DenoisingCollator(vocabulary, config, seed=0)(examples(data, 5))
    counts = OBJECTIVE.count(OBJECTIVE, batch)
    found = OBJECTIVE.loss(OBJECTIVE, ModelPasses(model, head), batch, counts, config)
    found.loss.backward()
    gradient = model.get_input_embeddings().weight.grad.clone()
    model.zero_grad()
    total = _alone(model, batch)
    (total / counts["predicted"]).backward()
    assert float(found.sums["predicted"]) == pytest.approx(total.item(), rel=1e-5)
    assert torch.allclose(gradient, model.get_input_embeddings().weight.grad, atol=1e-5)


def test_pairs_are_padded_among_their_like(data: Path, tokenizer: Any) -> None:
    collator = DenoisingCollator(read_vocabulary(tokenizer), DenoisingConfig(), seed=0)
    pairs = pairs_of(collator(examples(data, 30)))
    groups = list(of_like_length(pairs))
    assert len(groups) > 1
    assert sum(len(group["labels"]) for group in groups) == len(pairs["labels"])
    tokens = sum(int((group["labels"] != IGNORED).sum()) for group in groups)
    assert tokens == int((pairs["labels"] != IGNORED).sum())
    assert sum(int(group["attention_mask"].sum()) for group in groups) == int(
        pairs["attention_mask"].sum()
    )
    places = sum(group["labels"].numel() for group in groups)
    assert tokens / places > max(0.6, 1.2 * tokens / pairs["labels"].numel())


def _alone(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The losses of the plain model, called for each pair without any padding."""
    total = torch.zeros(())
    parts = zip(
        *(batch[n].flatten(0, 1) for n in ("input_ids", "attention_mask", "labels")), strict=True
    )
    for ids_S, mask_S, labels_D in parts:
        labels = labels_D[labels_D != IGNORED][None]
        if labels.numel():
            loss = model(input_ids=ids_S[mask_S > 0][None], labels=labels).loss
            total = total + loss * labels.numel()
    return total


def test_rows_without_a_pair_count_for_nothing(data: Path, tokenizer: Any) -> None:
    config = DenoisingConfig()
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    row = {"input_ids": [start, 9, end, start, end], "segment_lengths": [3, 2]}
    batch = DenoisingCollator(read_vocabulary(tokenizer), config, seed=0)([row, row])
    assert (
        batch["labels"].shape[:2] == (2, 1) and OBJECTIVE.count(OBJECTIVE, batch)["predicted"] == 0
    )
    for family in ("t5", "bart"):
        model = new_model(f"{family}:2x64", OBJECTIVE.auto_class, tokenizer, 64, 0)
        passes = ModelPasses(model, plan_head(model))
        found = OBJECTIVE.loss(OBJECTIVE, passes, batch, {"predicted": 0}, config)
        found.loss.backward()
        assert found.loss.item() == 0
        assert not any(p.grad.abs().sum() for p in model.parameters() if p.grad is not None)


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    settings = {
        "arch": "t5:2x64", "objective": "denoising", "steps": 5, "batch_size": 8, "log_every": 1,
        "precision": "fp32", "checkpoint_minutes": 1e-5, "keep_checkpoints": 9, **changes,
    }  # fmt: skip
    return PretrainConfig(data=str(data), out=str(out), **settings)


@pytest.mark.parametrize(("family", "kind"), [("t5", "ul2"), ("bart", "bart")])
def test_from_data_to_a_model_that_writes(
    family: str, kind: str, data: Path, tmp_path: Path
) -> None:
    settings = {"arch": f"{family}:2x64", "dropout": 0.1, "objective_settings": {"kind": kind}}
    whole, out, folder = tmp_path / "whole", tmp_path / "run", tmp_path / "model"
    result = pretrain(config(data, whole, **settings))
    assert result["validation"]["predicted_tokens"] > 100
    assert 5 < result["validation"]["loss_nats"] < 7.5

    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    for name in ("manifest.json", "metrics.json", "checkpoint-4", "checkpoint-5"):
        shutil.rmtree(out / name) if (out / name).is_dir() else (out / name).unlink()
    resumed = pretrain(config(data, out, **settings), resume=True)
    assert resumed["validation"] == result["validation"]
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (whole, out)]
    assert weights[0] == weights[1]

    export(out, folder)
    assert "denoising of text" in (folder / "README.md").read_text("utf-8")
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    written = model.generate(**_read(tokenizer, "the value of"), max_new_tokens=6)
    assert written[0, 0] == model.generation_config.decoder_start_token_id
    assert model.generation_config.eos_token_id == tokenizer.sep_token_id
    with pytest.raises(InputError, match="is an encoder with a decoder"):
        evaluate(folder, data, limit_rows=2)
    on = {**settings, "arch": None, "dropout": 0.0, "init": str(folder), "steps": 1}
    after = pretrain(config(data, tmp_path / "on", **on, learning_rate=1e-9))
    assert after["validation"]["loss_nats"] == pytest.approx(
        result["validation"]["loss_nats"], rel=1e-4
    )


def _read(tokenizer: Any, text: str) -> Any:
    inputs = tokenizer(text, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    return inputs


def test_a_plan_and_a_record(data: Path, tmp_path: Path) -> None:
    facts = plan(config(data, tmp_path / "run", arch=None))
    assert facts["model"] == "BartForConditionalGeneration" and facts["gflops_a_step"] > 0
    assert facts["attention"] == "masks"
    pretrain(config(data, tmp_path / "run", steps=1))
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert record["config"]["start"] == "random"  # nothing is known beforehand of such models


def test_what_does_not_fit_is_refused(data: Path, prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match=r"no sentinels[^\n]*\n.*--sentinels 100"):
        pretrain(config(prepared, out, objective_settings={"kind": "t5"}))
    with pytest.raises(InputError, match=r"is no encoder with a decoder[^\n]*\n.*--arch t5-mini"):
        pretrain(config(data, out, arch="bert:2x64"))
    for objective in ("mlm", "clm", "replaced"):
        with pytest.raises(InputError, match=r"does not train\n.*--objective denoising"):
            pretrain(config(data, out, objective=objective))
    with pytest.raises(ValidationError, match="ul2 has no effect with kind t5"):
        DenoisingConfig.model_validate({"kind": "t5", "ul2": {"regular_weight": 1}})
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer")
    with pytest.raises(InputError, match="cannot be read"):
        continued_model(str(_encoder(tokenizer, tmp_path)), OBJECTIVE.auto_class, tokenizer, 64, 0)


def _encoder(tokenizer: Any, folder: Path) -> Path:
    model = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, 0)
    model.save_pretrained(folder / "bert")
    return folder / "bert"
