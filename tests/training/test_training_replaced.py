"""The verb trains a discriminator with its generator, resumes it, and exports both as standard models."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.export import export
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

CLASSES = {
    "bert": "BertForTokenClassification",
    "roberta": "RobertaForTokenClassification",
    "modernbert": "ModernBertForTokenClassification",
    "electra": "ElectraForPreTraining",
}


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    settings = {
        "arch": "bert:2x64", "objective": "replaced", "steps": 4, "batch_size": 8, "log_every": 1,
        "precision": "fp32", **changes,
    }  # fmt: skip
    return PretrainConfig(data=str(data), out=str(out), **settings)


@pytest.mark.parametrize("family", CLASSES)
def test_from_data_to_two_models(family: str, prepared: Path, tmp_path: Path) -> None:
    result = pretrain(config(prepared, tmp_path / "run", arch=f"{family}:2x64"))
    assert result["model"] == CLASSES[family]
    scores = result["validation"]
    parts = scores["loss_generator"] + 50 * scores["loss_discriminator"]
    assert scores["loss_nats"] == pytest.approx(parts)
    assert 0 < scores["f1"] < 1 and 0.1 < scores["replaced_share"] < 0.5 < scores["accuracy"]
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    assert all({"loss_generator", "loss_discriminator"} <= line.keys() for line in logged)

    found = export(tmp_path / "run", tmp_path / "model")
    assert "generator/model.safetensors" in found["files"]
    assert "heads.safetensors" not in found["files"]
    assert AutoConfig.from_pretrained(tmp_path / "model").architectures == [CLASSES[family]]
    AutoModel.from_pretrained(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "replaced-token detection" in card and "fill-mask" not in card
    folder = tmp_path / "model" / "generator"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(f"the {tokenizer.mask_token} of", return_tensors="pt")
    inputs.pop("token_type_ids", None)
    logits = AutoModelForMaskedLM.from_pretrained(folder)(**inputs).logits
    assert logits.shape[-1] == len(tokenizer)
    assert evaluate(folder, prepared, limit_rows=4)["predicted_tokens"] > 0
    with pytest.raises(InputError, match="finds replaced tokens") as caught:
        evaluate(tmp_path / "model", prepared, limit_rows=4)
    assert str(folder) in f"{caught.value} {caught.value.__dict__}"


@pytest.mark.parametrize("sharing", ["disentangled", "tied"])
def test_an_exported_model_goes_on(sharing: str, prepared: Path, tmp_path: Path) -> None:
    settings = {"objective_settings": {"sharing": sharing}}
    before = pretrain(config(prepared, tmp_path / "run", **settings))["validation"]
    export(tmp_path / "run", tmp_path / "model")
    changes = {"arch": None, "init": str(tmp_path / "model"), "learning_rate": 1e-9, "steps": 1}
    after = pretrain(config(prepared, tmp_path / "on", **settings, **changes))["validation"]
    for name in ("loss_nats", "loss_generator", "loss_discriminator"):
        assert after[name] == pytest.approx(before[name], rel=1e-4)


@pytest.mark.parametrize("sharing", ["disentangled", "tied", "none"])
def test_resumed_to_the_same_bits(sharing: str, prepared: Path, tmp_path: Path) -> None:
    settings = {
        "arch": "modernbert:2x64", "steps": 5, "dropout": 0.1, "checkpoint_minutes": 1e-5,
        "keep_checkpoints": 9, "precision": "bf16", "objective_settings": {"sharing": sharing},
    }  # fmt: skip
    whole, out = tmp_path / "whole", tmp_path / "run"
    pretrain(config(prepared, whole, **settings))
    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    for name in ("manifest.json", "metrics.json"):
        (out / name).unlink()
    for step in (3, 4, 5):
        shutil.rmtree(out / f"checkpoint-{step}")
    pretrain(config(prepared, out, **settings), resume=True)
    for name in ("model.safetensors", "heads.safetensors"):
        assert (out / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()


def test_any_encoder_may_be_the_start(tiny_model: Path, prepared: Path, tmp_path: Path) -> None:
    changes = {"arch": None, "init": str(tiny_model), "steps": 1, "learning_rate": 1e-9}
    pretrain(config(prepared, tmp_path / "run", **changes))
    export(tmp_path / "run", tmp_path / "model")
    bodies = [AutoModel.from_pretrained(folder) for folder in (tiny_model, tmp_path / "model")]
    ids = torch.arange(5, 20)[None]
    states = [body.eval()(input_ids=ids).last_hidden_state for body in bodies]
    assert torch.allclose(*states, atol=1e-5)


@pytest.mark.parametrize(
    "family, sharing", [("modernbert", "disentangled"), ("modernbert", "tied"), ("electra", "none")]
)
def test_a_generator_begins_as_the_first_layers_of_the_checkpoint(
    family: str, sharing: str, tiny_model: Path, prepared: Path, tmp_path: Path
) -> None:
    """And with how frequent each token is; as fresh as any where nothing is to be informed. What judges it
    begins with how much it fills."""
    init = tiny_model
    if family != "modernbert":
        pretrain(config(prepared, tmp_path / "first", objective="mlm", arch=f"{family}:2x64"))
        init = Path(export(tmp_path / "first", tmp_path / "start")["out"])
    changes = {"arch": None, "init": str(init), "steps": 1, "learning_rate": 1e-9}
    changes["objective_settings"] = {"sharing": sharing}
    start = AutoModelForMaskedLM.from_pretrained(init).base_model.state_dict()
    losses = {}
    for choice in ("informed", "random"):
        out = tmp_path / choice
        found = pretrain(config(prepared, out, start=choice, **changes))["validation"]
        losses[choice] = found["loss_generator"]
        export(out, out / "exported")
        generator = AutoModelForMaskedLM.from_pretrained(out / "exported" / "generator")
        layers = generator.base_model.state_dict()
        assert 0 < len(layers) < len(start)
        is_same = [torch.allclose(layers[name], start[name], atol=1e-6) for name in layers]
        assert all(is_same) == (choice == "informed")
        weights = load_file(out / "exported" / "model.safetensors")
        (odds,) = (w for w in weights.values() if w.shape in ((1,), (2,)))
        expected = math.log(0.3 / 0.7) if choice == "informed" else 0.0
        assert odds[-1].item() == pytest.approx(expected, abs=1e-6)
    assert losses["informed"] < losses["random"] - 0.5


def test_a_change_of_low_rank_is_the_models_alone(
    tiny_model: Path, prepared: Path, tmp_path: Path
) -> None:
    """A generator beside it, whose matrices have like names, learns whole and is exported as it is."""
    changes = {"arch": None, "init": str(tiny_model), "learning_rate": 1e-2, "lora": {"rank": 2}}
    found = pretrain(config(prepared, tmp_path / "run", **changes))["validation"]
    export(tmp_path / "run", tmp_path / "model")
    changes = {"arch": None, "init": str(tmp_path / "model"), "learning_rate": 1e-9, "steps": 1}
    after = pretrain(config(prepared, tmp_path / "on", **changes))["validation"]
    for name in ("loss_generator", "loss_discriminator"):
        assert after[name] == pytest.approx(found[name], rel=1e-4)


def test_a_decoder_is_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no head for this objective"):
        pretrain(config(prepared, tmp_path / "run", arch="llama:2x64"))


def test_a_plan_counts_both_models(prepared: Path, tmp_path: Path) -> None:
    facts = plan(config(prepared, tmp_path / "run", steps=20))
    plain = plan(config(prepared, tmp_path / "plain", steps=20, objective="mlm"))
    assert facts["gflops_a_step"] > 1.2 * plain["gflops_a_step"]
