"""Checkpoints that have a task head already: what is kept, what is drawn afresh, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_problems import TOKENIZERS, opinions, tiny_config

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.model import load_config, load_model

CLASSIFIER, ANSWERER = "AutoModelForSequenceClassification", "AutoModelForQuestionAnswering"
KINDS = ["bert", "modernbert", "roberta", "distilbert", "electra"]


def checkpoint(folder: Path, kind: str, auto_class: str, labels: list[str]) -> str:
    """A model with a task head, as fine-tuning leaves it."""
    transformers.set_seed(11)
    tokenizer = TOKENIZERS["wordpiece"]()
    config = tiny_config(kind, len(tokenizer), tokenizer.pad_token_id)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    model = getattr(transformers, auto_class).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)  # as no architecture draws them
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def config_for(write: Any, model: str, classes: int = 2, **settings: Any) -> FinetuneConfig:
    """Opinions with the labels 0 and 1, or also 2."""
    rows = [{**row, "label": n % classes} for n, row in enumerate(opinions(24, 0))]
    paths = {"train": write("train.jsonl", rows), "validation": write("validation.jsonl", rows)}
    out = str(Path(paths["train"]).parent / "out")
    return FinetuneConfig(
        model=model, **{**paths, "out": out, "batch_size": 4, "steps": 1, **settings}
    )


def loaded(config: FinetuneConfig, auto_class: str, labels: list[str]) -> tuple[Any, set[str]]:
    model, fresh = load_model(auto_class, load_config(config.model, config, labels), config)
    return model.state_dict(), set(fresh)


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_layer_stays_only_for_the_same_classes_in_order(
    kind: str, write: Any, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / kind, kind, CLASSIFIER, ["bad", "good"])
    saved = load_file(Path(folder) / "model.safetensors")
    config = config_for(write, folder)
    same, fresh = loaded(config, CLASSIFIER, ["bad", "good"])
    assert not fresh and all(torch.equal(same[name], saved[name]) for name in saved)
    for labels in (["good", "bad"], ["no", "yes"], ["bad", "good", "neither"]):
        found, fresh = loaded(config, CLASSIFIER, labels)
        assert len(fresh) == 2 and {name.rpartition(".")[2] for name in fresh} == {"weight", "bias"}
        [weight] = [found[name] for name in fresh if name.endswith("weight")]
        assert weight.shape == (len(labels), 32)
        assert 0.001 < weight.std() < 0.3  # drawn as the architecture draws, not left empty
        for name in saved:  # all else, the head's other layers too, is the checkpoint's
            assert torch.equal(found[name], saved[name]) == (name not in fresh), name
        again, _ = loaded(config, CLASSIFIER, labels)
        assert all(torch.equal(found[name], again[name]) for name in found)


def test_an_answering_head_stays_whatever_its_names(write: Any, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", "bert", ANSWERER, ["LABEL_0", "LABEL_1"])
    saved = load_file(Path(folder) / "model.safetensors")
    found, fresh = loaded(config_for(write, folder), ANSWERER, ["start", "end"])
    assert not fresh and torch.equal(found["qa_outputs.weight"], saved["qa_outputs.weight"])


def test_a_fine_tuned_folder_is_tuned_further_and_on_other_labels(
    write: Any, bert: str, tmp_path: Path
) -> None:
    first = finetune("sentiment", config_for(write, bert))
    assert first["new_weights"] == 4  # the pooler's and the classifier's
    for classes, new in ((2, 0), (3, 2)):
        out = str(tmp_path / str(classes))
        result = finetune("sentiment", config_for(write, first["out"], classes, out=out))
        assert result["new_weights"] == new and result["metrics"]["validation"]["loss"] > 0
        saved = json.loads((tmp_path / str(classes) / "config.json").read_text())
        assert len(saved["id2label"]) == classes


def test_a_body_of_other_sizes_is_refused(write: Any, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", "bert", CLASSIFIER, ["0", "1"])
    path = Path(folder) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "intermediate_size": 48}))
    expected = (
        r"m: 6 of its weights have other sizes .*intermediate.dense.bias: \(64,\), not \(48,\)"
    )
    with pytest.raises(InputError, match=expected):
        finetune("sentiment", config_for(write, folder))


def test_weights_that_cannot_be_read_cost_no_earlier_result(
    write: Any, bert: str, tmp_path: Path
) -> None:
    config = config_for(write, bert)
    finetune("sentiment", config)
    before = {path.name: path.read_bytes() for path in Path(config.out).iterdir()}
    weights = (Path(bert) / "model.safetensors").read_bytes()
    for name, content in {"truncated": weights[:-100], "text": b"no weights", "none": None}.items():
        shutil.copytree(bert, tmp_path / name)
        path = tmp_path / name / "model.safetensors"
        path.unlink() if content is None else path.write_bytes(content)
        broken = config.model_copy(update={"model": str(tmp_path / name)})
        with pytest.raises(InputError, match=f"{name}: cannot be opened as a model"):
            finetune("sentiment", broken, overwrite=True)
        assert {path.name: path.read_bytes() for path in Path(config.out).iterdir()} == before


def test_weights_are_compared_with_their_manifest(write: Any, bert: str, tmp_path: Path) -> None:
    folder = Path(finetune("sentiment", config_for(write, bert))["out"])
    further = config_for(write, str(folder), out=str(tmp_path / "further"))
    (folder / "metrics.json").write_text("{}")  # other files are the user's to edit
    assert plan("sentiment", further)["steps"] == 1
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    for start in (plan, finetune):
        with pytest.raises(InputError, match=r"model.safetensors: its checksum does not match"):
            start("sentiment", further)
    # Random weights read none; another program's manifest says nothing about ours.
    assert plan("sentiment", further.model_copy(update={"random_weights": True}))
    save_file({}, folder / "extra.safetensors")
    (folder / "manifest.json").write_text('{"files": {"model.safetensors": "1234"}}')
    assert finetune("sentiment", further)["steps"] == 1
    (folder / "manifest.json").write_text('{"stage": "finetune", "files": {')
    with pytest.raises(InputError, match=r"manifest.json: damaged manifest"):
        plan("sentiment", further)
