"""Models and tokenizers that this package did not make: their code, their inputs, their files."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from tiny_problems import POSITIONS, TOKENIZERS, opinions, save_model, tiny_config

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.model import build_skeleton, input_names, load_config

CLASSIFIER = "AutoModelForSequenceClassification"


def config_for(write: Any, model: str, **settings: Any) -> FinetuneConfig:
    paths = {
        "train": write("train.jsonl", opinions(16, 0)),
        "validation": write("validation.jsonl", opinions(6, 1)),
    }
    out = str(Path(paths["train"]).parent / "out")
    return FinetuneConfig(model=model, **paths, out=out, batch_size=4, steps=1, **settings)


def add_code(folder: str, model_type: str) -> Path:
    """Python code that the folder asks to be run; it leaves the file that is returned."""
    marker = Path(folder) / "it-ran"
    code = f"open({str(marker)!r}, 'w').close()\nclass Own:\n    pass\n"
    (Path(folder) / "own.py").write_text(code)
    names = ["AutoConfig", "AutoModel", "AutoModelForMaskedLM", CLASSIFIER]
    for file, keys in (("config.json", dict.fromkeys(names, "own.Own")),
                       ("tokenizer_config.json", {"AutoTokenizer": ["own.Own", "own.Own"]})):  # fmt: skip
        path = Path(folder) / file
        settings = {**json.loads(path.read_text()), "auto_map": keys}
        if file == "config.json":
            settings["model_type"] = model_type
        path.write_text(json.dumps(settings))
    return marker


@pytest.mark.parametrize("random_weights", [False, True])
@pytest.mark.parametrize("model_type", ["bert", "unheard-of"])
def test_code_in_a_model_folder_is_never_run(
    model_type: str, random_weights: bool, write: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: Any,
) -> None:  # fmt: skip
    folder = save_model(tmp_path / "m", "bert", TOKENIZERS["wordpiece"]())
    marker = add_code(folder, model_type)
    consent = io.StringIO("y\n" * 9)  # what a careless user, or `yes |`, would answer
    monkeypatch.setattr(sys, "stdin", consent)
    config = config_for(write, folder, random_weights=random_weights)
    if model_type == "bert":  # transformers has its own class for it
        assert finetune("sentiment", config)["steps"] == 1
        assert "auto_map" not in json.loads((Path(config.out) / "config.json").read_text())
    else:
        with pytest.raises(InputError, match="m: needs Python code of its own"):
            finetune("sentiment", config)
    assert not marker.exists() and consent.tell() == 0
    assert capfd.readouterr().out == ""


def test_models_without_a_table_of_token_types_get_none(write: Any, tmp_path: Path) -> None:
    """GPT-2 takes token types as words: 0 and 1 would add the embeddings of two of them."""
    tokenizer = TOKENIZERS["wordpiece"]()
    shape = transformers.AutoConfig.for_model(
        "gpt2", vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=POSITIONS,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(shape).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    save_model(tmp_path / "bert", "bert", tokenizer)
    found = {}
    for kind in ("gpt2", "bert"):
        config = config_for(write, str(tmp_path / kind))
        settings = load_config(config.model, config, ["a", "b"])
        found[kind] = input_names(build_skeleton(CLASSIFIER, settings, config.model))
    assert found["gpt2"] == ("input_ids", "attention_mask")
    assert found["bert"] == (*found["gpt2"], "token_type_ids")
    assert finetune("sentiment", config_for(write, str(tmp_path / "gpt2")))["steps"] == 1


def test_a_tokenizer_of_files_with_names_of_their_own_is_saved_whole(
    write: Any, tmp_path: Path
) -> None:
    vocabulary, codes = tmp_path / "vocab.txt", tmp_path / "bpe.codes"
    vocabulary.write_text("the 5\nca@@ 4\nt 3\ncat 2\n")
    codes.write_text("#version: 0.2\nc a 5\nt h 4\nth e</w> 3\n")
    tokenizer = transformers.BertweetTokenizer(str(vocabulary), str(codes))
    model = tmp_path / "m"
    shape = tiny_config("roberta", len(tokenizer), tokenizer.pad_token_id)
    transformers.AutoModelForMaskedLM.from_config(shape).save_pretrained(model)
    tokenizer.save_pretrained(model)
    for path in (vocabulary, codes):  # as its authors gave them: the library saves them otherwise
        shutil.copy(path, model)
    assert not (model / "tokenizer.json").exists()
    config = config_for(write, str(model), max_length=32)
    finetune("sentiment", config)
    reopened = transformers.AutoTokenizer.from_pretrained(config.out)
    ids = tokenizer("the cat")["input_ids"]
    assert len(set(ids)) > 3 and reopened("the cat")["input_ids"] == ids
