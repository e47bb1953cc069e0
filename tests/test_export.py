"""An exported folder opens anywhere, equals what was trained, and tells nothing of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from full_disk import full_disk
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    pipeline,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.export import export
from mlm_pretrain.hub.selection import select
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


def run(data: Path, out: Path, **changes: Any) -> dict[str, Any]:
    settings = {"arch": "bert:2x64", "steps": 2, "batch_size": 4, "precision": "fp32", **changes}
    return pretrain(PretrainConfig(data=str(data), out=str(out), **settings))


def card(folder: Path) -> tuple[dict[str, Any], str]:
    """(front matter, text) of a model card."""
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_it_reopens_with_the_weights_of_the_run(tiny_run: Path, tiny_model: Path) -> None:
    model = AutoModelForMaskedLM.from_pretrained(tiny_model)
    assert model.dtype == torch.float32
    trained = load_file(tiny_run / "model" / "model.safetensors")
    written = load_file(tiny_model / "model.safetensors")
    assert trained.keys() == written.keys()
    assert all(torch.equal(trained[name], written[name]) for name in trained)
    source = AutoModelForMaskedLM.from_pretrained(tiny_run / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    inputs = tokenizer("The value of the expression is an object.", return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(model.eval()(**inputs).logits, source(**inputs).logits)
    assert (
        tokenizer.get_vocab() == AutoTokenizer.from_pretrained(tiny_run / "tokenizer").get_vocab()
    )
    assert tokenizer.model_max_length == 64


def test_its_files(tiny_model: Path) -> None:
    names = {path.name for path in tiny_model.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "README.md",
        "manifest.json",
    } <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert "generation_config.json" not in names
    config = json.loads((tiny_model / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["ModernBertForMaskedLM"]
    assert config["torch_dtype"] == "float32"
    settings = json.loads((tiny_model / "tokenizer_config.json").read_text("utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"  # opens in transformers 4 too


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up_while_it_is_written(tiny_run: Path, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(InputError, match="model: cannot be written further"):
        export(tiny_run, tmp_path / "model")
    assert export(tiny_run, tmp_path / "model", overwrite=True)["logits_equal"]


def test_the_card_states_the_facts(tiny_run: Path, tiny_model: Path) -> None:
    front, text = card(tiny_model)
    assert front["pipeline_tag"] == "fill-mask"
    assert "base_model" not in front
    counts = json.loads((tiny_run / "manifest.json").read_text("utf-8"))["counts"]
    scores = json.loads((tiny_run / "metrics.json").read_text("utf-8"))["validation"]
    record = json.loads((tiny_run / "run.json").read_text("utf-8"))
    data = json.loads((Path(record["config"]["data"]) / "manifest.json").read_text("utf-8"))
    assert f"{scores['loss_nats']:.4f} nats a token over {scores['predicted_tokens']}" in text
    assert f"| tokens | {counts['tokens']} |" in text
    train = data["counts"]["train"]
    assert f"| train | {train['documents']} | {train['tokens']} | {train['rows']} |" in text
    assert f"| learning_rate | {record['config']['learning_rate']} |" in text
    assert record["data_hash"] in text
    assert "{{" not in text


def test_nothing_names_a_folder_of_this_machine(
    tiny_model: Path, prepared: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(tiny_model, start)
    run(prepared, tmp_path / "run", arch=None, init=str(start))
    export(tmp_path / "run", tmp_path / "model")
    for folder in (tiny_model, tmp_path / "model"):
        for path in folder.rglob("*"):
            content = path.read_bytes()
            for place in (tmp_path.parent, prepared.parent, Path.home()):
                assert f"{place}/".encode() not in content, path
    front, text = card(tmp_path / "model")
    assert "base_model" not in front
    assert "Continued from `start`" in text


@pytest.mark.parametrize("arch", ["gpt2:2x64", "llama:2x64"])
def test_a_decoder_gets_a_generation_config(arch: str, prepared: Path, tmp_path: Path) -> None:
    run(prepared, tmp_path / "run", objective="clm", arch=arch)
    export(tmp_path / "run", tmp_path / "model")
    generation = json.loads((tmp_path / "model" / "generation_config.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert generation["eos_token_id"] == tokenizer.sep_token_id
    assert generation["pad_token_id"] == tokenizer.pad_token_id
    assert card(tmp_path / "model")[0]["pipeline_tag"] == "text-generation"
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    inputs = tokenizer("The", return_tensors="pt", return_token_type_ids=False)
    assert model.generate(**inputs, max_new_tokens=3).shape[1] <= inputs["input_ids"].shape[1] + 3
    assert tokenizer.model_max_length == 64


@pytest.mark.parametrize("arch", ["bert:2x64", "roberta:2x64", "modernbert:2x64"])
def test_what_learned_both_ways_fills_gaps_and_continues_text(
    arch: str, prepared: Path, tmp_path: Path
) -> None:
    settings = {"causal_share": 0.5}
    result = run(
        prepared, tmp_path / "run", objective="hybrid", arch=arch, objective_settings=settings
    )
    export(tmp_path / "run", tmp_path / "model")
    text = card(tmp_path / "model")[1]
    for folder, way in (("", result["validation"]), ("causal", result["validation"]["clm"])):
        found = evaluate(tmp_path / "model" / folder, prepared, precision="fp32")
        assert found["loss_nats"] == pytest.approx(way["loss_nats"], rel=1e-5)
        assert f"{way['loss_nats']:.4f} nats a token" in text
    pipe = pipeline("fill-mask", str(tmp_path / "model"))
    assert len(pipe("The [MASK] of the array.")) == 5
    decoder = AutoModelForCausalLM.from_pretrained(tmp_path / "model", subfolder="causal")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model", subfolder="causal")
    inputs = tokenizer("The", return_tensors="pt", return_token_type_ids=False)
    assert decoder.generate(**inputs, max_new_tokens=3).shape[1] > inputs["input_ids"].shape[1]
    uploaded = select(tmp_path / "model").files
    assert {"model.safetensors", "causal/model.safetensors", "causal/config.json"} <= set(uploaded)


def test_an_encoder_without_a_decoder_does_not_learn_both(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a distilbert model cannot continue text") as caught:
        run(prepared, tmp_path / "run", objective="hybrid", arch="distilbert:2x64")
    assert "bert, roberta, modernbert" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_roberta_promises_only_positions_it_has(prepared: Path, tmp_path: Path) -> None:
    """Its positions count from past the padding id; and the prepared data may be gone by then."""
    data = tmp_path / "data"
    shutil.copytree(prepared, data)
    run(data, tmp_path / "run", arch="roberta:2x64")
    shutil.rmtree(data)
    settings_path = tmp_path / "run" / "tokenizer" / "tokenizer_config.json"
    settings = json.loads(settings_path.read_text("utf-8"))
    settings_path.write_text(json.dumps({**settings, "model_max_length": 512}), "utf-8")
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    del record["tokenizer"], record["seal"]  # or it would be seen to have been altered
    (tmp_path / "run" / "run.json").write_text(json.dumps(record), "utf-8")
    export(tmp_path / "run", tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.model_max_length == 64
    inputs = tokenizer("word " * 200, return_tensors="pt", truncation=True)
    AutoModelForMaskedLM.from_pretrained(tmp_path / "model")(**inputs)


def test_a_checkpoint_keeps_its_pooling_layer_and_its_length(
    prepared: Path, tmp_path: Path
) -> None:
    """Else a classifier of the trained model would be behind one of the checkpoint for it."""
    shutil.copytree(prepared / "tokenizer", tmp_path / "base")
    size = len(AutoTokenizer.from_pretrained(tmp_path / "base"))
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )  # fmt: skip
    base = BertModel(config)
    base.save_pretrained(tmp_path / "base")
    run(prepared, tmp_path / "run", arch=None, init=str(tmp_path / "base"))
    export(tmp_path / "run", tmp_path / "model")
    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").bert
    assert torch.equal(classifier.pooler.dense.weight, base.pooler.dense.weight)
    assert torch.equal(classifier.pooler.dense.bias, base.pooler.dense.bias)
    trained = load_file(tmp_path / "run" / "model" / "model.safetensors")
    written = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(written[name], weight) for name, weight in trained.items())
    assert (
        AutoTokenizer.from_pretrained(tmp_path / "model").model_max_length == 512
    )  # rows of 64 were trained
    again = {"arch": None, "init": str(tmp_path / "model")}
    run(prepared, tmp_path / "second", **again)
    export(tmp_path / "second", tmp_path / "again")
    kept = load_file(tmp_path / "again" / "model.safetensors")
    assert torch.equal(kept["bert.pooler.dense.weight"], base.pooler.dense.weight)


@pytest.mark.fault("flipped-bit")
@pytest.mark.parametrize(
    "name", ["model/model.safetensors", "model/config.json", "tokenizer/tokenizer.json", "run.json"]
)
def test_a_flipped_bit_is_never_exported(name: str, tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: (its checksum does not match|is damaged)"):
        export(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def unfinished(tiny_run: Path, out: Path) -> Path:
    shutil.copytree(tiny_run, out)
    shutil.rmtree(out / "model")
    (out / "manifest.json").unlink()
    return out


def test_an_unfinished_run_gives_its_newest_checkpoint(
    tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    started = unfinished(tiny_run, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in started.rglob("*")}
    result = export(started, tmp_path / "model")
    assert Path(result["source"]).name == "checkpoint-8"
    assert "is not finished; exporting checkpoint-8" in capfd.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in started.rglob("*")} == before
    written = load_file(tmp_path / "model" / "model.safetensors")
    saved = load_file(started / "checkpoint-8" / "model.safetensors")
    assert all(torch.equal(saved[name], written[name]) for name in saved)


def test_a_run_without_a_checkpoint(tiny_run: Path, tmp_path: Path) -> None:
    started = unfinished(tiny_run, tmp_path / "run")
    shutil.rmtree(started / "checkpoint-8")
    with pytest.raises(InputError, match="no complete checkpoint"):
        export(started, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_no_run_and_what_would_replace_it(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run\.json"):
        export(tmp_path, tmp_path / "model")
    copy = tmp_path / "runs" / "run"
    shutil.copytree(tiny_run, copy)
    for out in (copy, copy.parent):
        with pytest.raises(InputError, match="holds the run"):
            export(copy, out, overwrite=True)
    assert (copy / "model" / "model.safetensors").is_file()
    export(copy, tmp_path / "model")
    with pytest.raises(InputError, match="is not empty"):
        export(copy, tmp_path / "model")
    export(copy, tmp_path / "model", overwrite=True)
