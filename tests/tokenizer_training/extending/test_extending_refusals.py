"""What cannot be extended is refused, saying what would help; nothing is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extending_bases import MakeExtended, bert, opened, roberta, save
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import read_extension
from tokenizer_training.extending import ExtendConfig, extend_tokenizer

WriteCorpus = Callable[[list[str]], str]


def refusal(base: str | Path, corpus: str, out: Path, words: int = 5, **settings: Any) -> str:
    config = ExtendConfig(min_count=1, min_documents=1, **settings)
    with pytest.raises(InputError) as caught:
        extend_tokenizer(base, [corpus], words, out, config)
    assert not out.exists() or not any(out.iterdir())
    return str(caught.value)


@pytest.fixture
def text(write_corpus: WriteCorpus) -> str:
    return write_corpus(["some words of a field, phosphorylation"])


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_models_that_take_no_words(tmp_path: Path, text: str) -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    base = save(words, tmp_path / "b", tokenizer_class="PreTrainedTokenizerFast", unk_token="[UNK]")
    found = refusal(base, text, tmp_path / "out")
    assert "a WordLevel model cannot be extended\n  → " in found
    assert "WordPiece, BPE, Unigram" in found


def test_text_taken_in_one_piece(paragraphs: list[str], tmp_path: Path, text: str) -> None:
    base = edit(bert(paragraphs[:200], tmp_path / "b"), lambda c: c.update(pre_tokenizer=None))
    assert "takes a text in one piece, not word by word" in refusal(base, text, tmp_path / "out")


def test_ids_with_a_gap(paragraphs: list[str], tmp_path: Path, text: str) -> None:
    base = bert(paragraphs[:200], tmp_path / "b")
    edit(base, lambda c: c["model"]["vocab"].update({"zz": 5000}))
    assert "entries, but not with the ids 0 to" in refusal(base, text, tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "text_of_it"),
    [({"single_word": True}, "covidien"), ({"normalized": False}, "COVID")],
)
def test_added_tokens_that_not_every_text_is_cut_at(
    paragraphs: list[str], tmp_path: Path, text: str, settings: dict[str, bool], text_of_it: str
) -> None:
    """As an entry of the model such a token would be met in words that were cut otherwise before."""
    base = bert(paragraphs[:200], tmp_path / "b")
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken("covid", **settings)])
    tokenizer.save(str(base / "tokenizer.json"))
    assert "covid" not in tokenizer.encode(text_of_it).tokens
    found = refusal(base, text, tmp_path / "out")
    assert "the added token 'covid' is not taken wherever the text has it" in found
    assert "single_word=False" in found


def test_added_tokens_that_the_model_never_meets(
    paragraphs: list[str], tmp_path: Path, text: str
) -> None:
    base = bert(paragraphs[:200], tmp_path / "b")
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.add_tokens(["covid", AddedToken("<ent>", normalized=False)])
    tokenizer.add_special_tokens([AddedToken("[ENT]", special=True)])
    tokenizer.save(str(base / "tokenizer.json"))
    out = tmp_path / "out"
    extend_tokenizer(base, [text], 1, out, ExtendConfig(min_count=1, min_documents=1))
    before, after = opened(base), opened(out)
    for said in ("covid COVID covidien", "<ENT> <ent> [ENT] [ent]", "xcovid_19 enter"):
        assert before.encode(said).ids == after.encode(said).ids


def test_entries_that_only_transformers_knows(
    paragraphs: list[str], tmp_path: Path, text: str
) -> None:
    base = roberta(paragraphs[:200], tmp_path / "b")
    path = base / "tokenizer_config.json"
    settings = {**json.loads(path.read_text()), "cls_token": "<other>"}
    path.write_text(json.dumps(settings))
    found = refusal(base, text, tmp_path / "out")
    assert "transformers (RobertaTokenizer) reads it differently" in found
    assert "'<other>'" in found
    assert "save_pretrained" in found


def test_a_pipeline_that_transformers_builds_otherwise(
    paragraphs: list[str], tmp_path: Path, text: str
) -> None:
    base = bert(paragraphs[:200], tmp_path / "b")
    edit(base, lambda c: c["normalizer"].update(lowercase=False))  # BertTokenizer lowers
    found = refusal(base, text, tmp_path / "out")
    assert "transformers (BertTokenizer) reads it differently" in found
    assert "0 entries differ" in found


def test_no_tokenizer(tmp_path: Path, text: str) -> None:
    (tmp_path / "b").mkdir()
    assert "holds no tokenizer.json" in refusal(tmp_path / "b", text, tmp_path / "out")
    (tmp_path / "b" / "tokenizer.json").write_text("{")
    assert "not a tokenizer" in refusal(tmp_path / "b", text, tmp_path / "out")
    file = str(tmp_path / "b" / "tokenizer.json")
    assert "tokenizer.json: is a file" in refusal(file, text, tmp_path / "out")
    assert "nobody/nothing: no such folder" in refusal("nobody/nothing", text, tmp_path / "out")


def test_nothing_to_add(make_extended: MakeExtended, tmp_path: Path, text: str) -> None:
    base = make_extended("bert").base
    assert "--words 0: nothing to add" in refusal(base, text, tmp_path / "out", words=0)
    config = ExtendConfig(min_count=100)
    with pytest.raises(InputError, match=r"no word of .* to add \(rare: \d+\)\n.*min_count"):
        extend_tokenizer(base, [text], 5, tmp_path / "out", config)


def test_a_folder_in_use_stays_as_it_is(
    make_extended: MakeExtended, tmp_path: Path, text: str
) -> None:
    base = make_extended("bert").base
    out = tmp_path / "out"
    shutil.copytree(make_extended("bert").folder, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(InputError, match="is not empty"):
        extend_tokenizer(base, [text], 5, out)
    with pytest.raises(InputError, match="no word of"):
        extend_tokenizer(base, [text], 5, out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    config = ExtendConfig(min_count=1, min_documents=1)
    extend_tokenizer(base, [text], 1, out, config, overwrite=True)
    extension = read_extension(out)
    assert extension is not None
    assert list(extension.tokens.values()) == ["phosphorylation"]


def test_a_damaged_record_of_an_extension(make_extended: MakeExtended, tmp_path: Path) -> None:
    path = tmp_path / "extension.json"
    content = json.loads((make_extended("bert").folder / "extension.json").read_text("utf-8"))
    entries = content["base"]["entries"]
    first = str(entries)
    faults: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
        ("without a gap", lambda c: c["tokens"].pop(first)),
        ("pieces that the base does not have", lambda c: c["pieces"].update({first: [entries]})),
        ("made of pieces", lambda c: c["pieces"].update({first: []})),
        ("Field required", lambda c: c["base"].pop("entries")),
    ]  # fmt: skip
    for reason, damage in faults:
        damaged = json.loads(json.dumps(content))
        damage(damaged)
        path.write_text(json.dumps(damaged))
        with pytest.raises(InputError, match=rf"extension.json: is damaged \(.*{reason}"):
            read_extension(tmp_path)
    path.write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        read_extension(tmp_path)
    assert read_extension(tmp_path / "nowhere") is None
