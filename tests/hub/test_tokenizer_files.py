"""A tokenizer of whatever files it consists of goes with its model, and opens again."""

from __future__ import annotations

import ast
import json
import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import transformers
from local_hub import LocalHub
from pusher import Pusher
from tiny_problems import opinions, tiny_config

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.hub import select
from mlm_pretrain.hub.tokenizer_files import TOKENIZER_FILES
from mlm_pretrain.manifest import write_manifest

MODELS = Path(transformers.__file__).parent / "models"


def test_the_files_of_every_kind_of_tokenizer_are_known() -> None:
    names = set()
    for source in MODELS.glob("*/tokenization_*.py"):
        found = re.search(r"^VOCAB_FILES_NAMES = (\{.*?\})", source.read_text("utf-8"), re.M | re.S)
        if found:
            names |= set(ast.literal_eval(found[1]).values())
    assert {"bpe.codes", "spm.model", "source.spm", "prophetnet.tokenizer"} <= names
    unknown = {n for n in names if not any(fnmatchcase(n, pattern) for pattern in TOKENIZER_FILES)}
    assert unknown == set()


def test_a_tokenizer_of_files_of_its_own_is_pushed_whole(
    hub: LocalHub, pusher: Pusher, tmp_path: Path
) -> None:
    """BERTweet's: a vocabulary, and codes beside it."""
    files = {
        "vocab.txt": "the 5\nca@@ 4\nt 3\ncat 2\n",
        "bpe.codes": "#version: 0.2\nc a 5\nt h 4\nth e</w> 3\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tokenizer = transformers.BertweetTokenizer(*(str(tmp_path / name) for name in files))
    shape = tiny_config("roberta", len(tokenizer), tokenizer.pad_token_id)
    transformers.AutoModelForMaskedLM.from_config(shape).save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    for name in files:
        shutil.copy(tmp_path / name, tmp_path / "m")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in opinions(16, 0)))
    config = FinetuneConfig(
        model=str(tmp_path / "m"), train=str(rows), validation=str(rows), out=str(tmp_path / "out"),
        batch_size=4, steps=1, max_length=32,
    )  # fmt: skip
    finetune("sentiment", config)
    done = pusher.call("push", config.out, "ada/tweets")
    assert set(files) < set(done["result"]["files"]), done
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    for name, content in (hub.repositories["ada/tweets"].files("main") or {}).items():
        (fetched / name).write_bytes(content)
    assert not (fetched / "tokenizer.json").exists()
    ids = transformers.AutoTokenizer.from_pretrained(fetched)("the cat")["input_ids"]
    assert len(set(ids)) > 3 and ids == tokenizer("the cat")["input_ids"]


def test_a_model_without_what_opens_its_tokenizer_is_refused(model: Path) -> None:
    (model / "tokenizer.json").rename(model / "words.json")  # a name that nobody knows
    write_manifest(model, "export", {}, {}, {})
    with pytest.raises(InputError, match="would be pushed no tokenizer could be loaded"):
        select(model)


@pytest.mark.parametrize(
    ("kind", "left_out", "says"),
    [
        ("roberta", "merges.txt", "no tokenizer could be loaded"),
        ("bert", "added_tokens.json", "in another way"),
    ],
)
def test_what_the_manifest_does_not_list_is_missed(
    kind: str, left_out: str, says: str, model: Path, tokenizer_folders: dict[str, Path]
) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (model / name).unlink()
    algorithm = {"roberta": "byte-bpe", "bert": "wordpiece"}[kind]
    content = json.loads((tokenizer_folders[algorithm] / "tokenizer.json").read_text())["model"]
    entries = sorted(content["vocab"], key=content["vocab"].__getitem__)
    merges = [m if isinstance(m, str) else " ".join(m) for m in content.get("merges", [])]
    files = {
        "config.json": json.dumps({"model_type": kind}), "vocab.txt": "\n".join(entries) + "\n",
        "vocab.json": json.dumps(content["vocab"]), "merges.txt": "#version: 0.2\n" + "\n".join(merges),
        "added_tokens.json": json.dumps({"[NEW]": len(entries)}),
    }  # fmt: skip
    for name, text in files.items():
        (model / name).write_text(text)
    write_manifest(model, "export", {}, {}, {})
    assert set(files) < set(select(model).files)
    (model / left_out).unlink()
    write_manifest(model, "export", {}, {}, {})
    (model / left_out).write_text(files[left_out])
    with pytest.raises(InputError, match=rf"would be pushed .*{says}"):
        select(model)
