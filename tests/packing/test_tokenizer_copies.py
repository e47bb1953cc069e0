"""A tokenizer that rests on the files of its model, and its copy that stands alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from families import BERT, OTHER_TOKENS, byte_bpe, save, wordpiece
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import hash_file, read_manifest
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.packing.boundaries import copy_tokenizer, open_tokenizer_folder

OTHER_PYTHON = os.environ.get("MLM_PRETRAIN_TRANSFORMERS4_PYTHON")
SCRIPT = """
import json, sys
from transformers import AutoTokenizer

encoded = AutoTokenizer.from_pretrained(sys.argv[1])(json.load(sys.stdin))
json.dump(dict(encoded), sys.stdout)
"""
ROLES = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
ROBERTA = {**dict(zip(ROLES, OTHER_TOKENS, strict=True)), "cls_token": "<s>", "sep_token": "</s>"}
ROBERTA_MASK = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False}
TEXTS = ["Größe, naïve CAFÉ: isn't 12,345.67?\n  (x)", "this is <mask>.", "is [MASK].", "<x> 東京"]
FAMILIES: dict[str, tuple[Any, dict[str, Any], dict[str, Any] | None]] = {
    # model type: tokenizer, tokenizer_config.json, special_tokens_map.json
    "roberta": (byte_bpe, {}, None),
    "roberta with a token of its own": (
        byte_bpe,
        {"additional_special_tokens": ["<x>"]},
        {**ROBERTA, "mask_token": ROBERTA_MASK},
    ),
    "bert": (wordpiece, {}, None),
    "distilbert": (wordpiece, {"tokenizer_class": "DistilBertTokenizer"}, BERT),
}


def model_folder(
    folder: Path, model_type: str, tokenizer: Tokenizer, *files: dict[str, Any] | None
) -> Path:
    """As published models lie on a disk: the class of the tokenizer follows from the model's."""
    save(tokenizer, folder)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    names = ("tokenizer_config.json", "special_tokens_map.json")
    for name, content in zip(names, files, strict=True):
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module", params=FAMILIES)
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make, settings, specials = FAMILIES[request.param]
    model_type = "roberta" if make is byte_bpe else request.param
    folder = tmp_path_factory.mktemp("model") / "model"
    return model_folder(folder, model_type, make(), settings, specials)


def test_the_copy_gives_the_same_tensors_beside_any_model(
    original: Path, corpus: str, tmp_path: Path
) -> None:
    config = PrepareConfig(processes=1, max_length=128)
    prepare([corpus], original, tmp_path / "data", config)
    reference = AutoTokenizer.from_pretrained(original)
    expected = dict(reference(TEXTS))
    assert reference.unk_token_id not in expected["input_ids"][1]
    copy = tmp_path / "data" / "tokenizer"
    assert not (copy / "config.json").exists()
    for model_type in (None, "bert", "distilbert", "electra", "roberta", "modernbert", "gpt2"):
        if model_type:
            (copy / "config.json").write_text(json.dumps({"model_type": model_type}))
        reopened = AutoTokenizer.from_pretrained(copy)
        assert dict(reopened(TEXTS)) == expected, model_type
        assert reopened.special_tokens_map == reference.special_tokens_map
        assert reopened.get_vocab() == reference.get_vocab()
    manifest = read_manifest(tmp_path / "data", "prepare")
    assert manifest.inputs["tokenizer"]["xxh3_128"] == hash_file(original / "tokenizer.json")


@pytest.mark.skipif(
    not OTHER_PYTHON, reason="MLM_PRETRAIN_TRANSFORMERS4_PYTHON names no interpreter"
)
def test_transformers_4_opens_the_copy(original: Path, tmp_path: Path) -> None:
    copy_tokenizer(open_tokenizer_folder(original), tmp_path / "copy")
    done = subprocess.run(
        [str(OTHER_PYTHON), "-c", SCRIPT, str(tmp_path / "copy")],
        input=json.dumps(TEXTS),
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == dict(AutoTokenizer.from_pretrained(original)(TEXTS))


def test_a_copy_that_codes_otherwise_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "bert", wordpiece(), {}, None)
    opened = open_tokenizer_folder(folder)
    opened.library.split_special_tokens = True  # a state that its files do not keep
    with pytest.raises(InputError, match=r"model: a copy .* does not give the same ids"):
        copy_tokenizer(opened, tmp_path / "copy")
