"""The folder loads in transformers 5 and 4 with the same ids."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest, verify
from tokenizer_training import ALGORITHMS, TokenizerConfig, train_tokenizer

Trained = Callable[[str], Path]
OTHER_PYTHON = os.environ.get("MLM_PRETRAIN_TRANSFORMERS4_PYTHON")
SCRIPT = """
import json, sys
from transformers import AutoTokenizer, __version__

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
texts = json.load(sys.stdin)
ids = tokenizer(texts)["input_ids"]
json.dump({"version": __version__, "ids": ids, "texts": tokenizer.batch_decode(ids)}, sys.stdout)
"""


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_roles_and_limits_arrive(trained: Trained, algorithm: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained(algorithm))
    bert = algorithm == "wordpiece"
    assert tokenizer.model_max_length == 128
    assert len(tokenizer) == 1000
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    assert list(tokenizer("a")) == [name for name in inputs if bert or name != "token_type_ids"]
    ids = [tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.cls_token_id]
    assert ids == ([0, 1, 2] if bert else [1, 3, 0])
    assert [tokenizer.sep_token_id, tokenizer.mask_token_id] == ([3, 4] if bert else [2, 4])
    assert (tokenizer.bos_token, tokenizer.eos_token) == ((None, None) if bert else ("<s>", "</s>"))


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_sentinels_are_the_last_entries(english: str, algorithm: str, tmp_path: Path) -> None:
    settings = TokenizerConfig(sentinels=50)
    train_tokenizer([english], algorithm, 1000, tmp_path / "out", settings)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert len(tokenizer) == 1000
    sentinels = [f"<extra_id_{n}>" for n in range(50)]
    assert tokenizer.convert_tokens_to_ids(sentinels) == list(range(950, 1000))
    assert set(range(950, 1000)) < set(tokenizer.all_special_ids)
    assert 977 in tokenizer("one <extra_id_27> two")["input_ids"]
    with pytest.raises(InputError, match=r"minimum here is \d+.*\n.*50 sentinels.* come on top"):
        train_tokenizer([english], algorithm, 55, tmp_path / "small", settings)


def test_a_model_config_beside_it_changes_no_id(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained("byte-bpe"), out)
    text = "Größe of <mask>, don't (x)"
    ids = AutoTokenizer.from_pretrained(out)(text)["input_ids"]
    for model_type in ("bert", "roberta", "modernbert", "deberta-v2"):
        (out / "config.json").write_text(json.dumps({"model_type": model_type}))
        assert AutoTokenizer.from_pretrained(out)(text)["input_ids"] == ids


def test_the_manifest_vouches_for_the_folder(english: str, tmp_path: Path) -> None:
    result = train_tokenizer([english], "wordpiece", 1000, tmp_path / "out")
    manifest = read_manifest(tmp_path / "out", "tokenizer train")
    verify(tmp_path / "out", manifest)
    names = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(manifest.files) == names
    assert manifest.config["algorithm"] == "wordpiece"
    assert manifest.counts == result["counts"]
    assert manifest.inputs["corpus"]["path"] == [english]


@pytest.mark.skipif(
    not OTHER_PYTHON, reason="MLM_PRETRAIN_TRANSFORMERS4_PYTHON names no interpreter"
)
@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_transformers_4_gives_the_same_ids(
    trained: Trained, paragraphs: list[str], algorithm: str
) -> None:
    folder = trained(algorithm)
    texts = [*paragraphs[:990], "Größe of <mask>.", "a [MASK].", "</s>", "日本 😀", " x  y\n\nz "]
    command = [str(OTHER_PYTHON), "-c", SCRIPT, str(folder)]
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        input=json.dumps(texts),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = tokenizer(texts)["input_ids"]
    assert theirs["version"].startswith("4.")
    assert theirs["ids"] == ours
    assert theirs["texts"] == tokenizer.batch_decode(ours)
