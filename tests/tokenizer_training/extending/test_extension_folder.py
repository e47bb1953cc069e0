"""What is written: the old files with the new entries in them, and nothing else changed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from extending_bases import WORDS, Extended, MakeExtended, opened
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from mlm_pretrain.extension import hash_vocabulary, read_extension
from mlm_pretrain.manifest import read_manifest, verify
from tokenizer_training.extending import ExtendConfig, extend_tokenizer

OTHER_PYTHON = os.environ.get("MLM_PRETRAIN_TRANSFORMERS4_PYTHON")
SCRIPT = """
import json, sys
from transformers import AutoTokenizer

texts, found = json.load(open(sys.argv[2])), {}
for fast in (True, False):
    try:
        tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], use_fast=fast)
    except Exception:  # not every class has a slow version
        continue
    found[str(fast)] = tokenizer(texts)["input_ids"]
json.dump(found, sys.stdout)
"""


def content(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "tokenizer.json").read_text("utf-8")))


def test_old_ids_stay_and_new_ones_follow(extended: Extended) -> None:
    before, after = AutoTokenizer.from_pretrained(extended.base), opened(extended.folder)
    old, new = before.get_vocab(), after.get_vocab(with_added_tokens=True)
    extension = extended.extension
    assert extension.base.entries == len(before)
    assert extension.base.vocabulary_xxh3_128 == hash_vocabulary(old)
    assert extension.extends(old)
    assert not extension.extends(new)
    assert {entry: new[entry] for entry in old} == old
    assert {index: entry for entry, index in new.items() if entry not in old} == extension.tokens
    assert sorted(new.values()) == list(range(len(old) + len(extension.tokens)))


def test_pieces_are_what_the_word_was_cut_into(extended: Extended) -> None:
    bare, extension = Tokenizer(opened(extended.base).model), extended.extension
    for index, token in extension.tokens.items():
        assert bare.encode(token.removesuffix("</w>")).ids == extension.pieces[index], token


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe", "bpe", "unigram", "bert", "suffix"])
def test_tokenizer_json_changes_inside_its_model_alone(
    kind: str, make_extended: MakeExtended
) -> None:
    extended = make_extended(kind)
    before, after = content(extended.base), content(extended.folder)
    before.pop("model"), after.pop("model")
    assert before == after
    names = {path.name for path in extended.base.iterdir()} - {"manifest.json"}
    written = {path.name for path in extended.folder.iterdir()} - {"manifest.json"}
    assert written == names | {"extension.json"}
    for name in names - {"tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"}:
        assert (extended.base / name).read_bytes() == (extended.folder / name).read_bytes()


def test_the_other_vocabulary_files_are_brought_up_to_date(make_extended: MakeExtended) -> None:
    bert, suffix, roberta = (make_extended(kind) for kind in ("bert", "suffix", "roberta"))
    lines = (bert.folder / "vocab.txt").read_text("utf-8").splitlines()
    assert {line: index for index, line in enumerate(lines)} == opened(bert.folder).get_vocab()
    model = content(suffix.folder)["model"]
    assert isinstance(model, dict)
    assert json.loads((suffix.folder / "vocab.json").read_text("utf-8")) == model["vocab"]
    merges = (suffix.folder / "merges.txt").read_text("utf-8").splitlines()[1:]
    assert merges == [" ".join(pair) for pair in model["merges"]]
    # Looked up whole: merges cannot say that, and neither can the class that reads them.
    assert roberta.result["files_left_out"] == ["vocab.json", "merges.txt"]
    settings = json.loads((roberta.folder / "tokenizer_config.json").read_text("utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    settings = json.loads((bert.folder / "tokenizer_config.json").read_text("utf-8"))
    assert settings["tokenizer_class"] == "BertTokenizer"


def test_transformers_gives_the_same_ids_also_when_it_saved_them(
    extended: Extended, paragraphs: list[str], tmp_path: Path
) -> None:
    before = AutoTokenizer.from_pretrained(extended.base)
    library, plain = AutoTokenizer.from_pretrained(extended.folder), opened(extended.folder)
    texts = [*paragraphs[:400], "Größe, covid <case> naïve 東京", *extended.new_words]
    ids = library(texts, add_special_tokens=False)["input_ids"]
    assert ids == [plain.encode(text, add_special_tokens=False).ids for text in texts]
    assert any(index in extended.extension.new_ids for text in ids for index in text)
    assert library.special_tokens_map == before.special_tokens_map
    assert library.model_input_names == before.model_input_names
    library.save_pretrained(tmp_path / "saved")
    reopened = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert dict(reopened(texts)) == dict(library(texts))
    assert reopened.get_vocab() == library.get_vocab()


def test_tokens_added_beside_the_model_keep_their_ids(make_extended: MakeExtended) -> None:
    extended = make_extended("roberta")
    before, after = opened(extended.base), opened(extended.folder)
    text = "a covid <case> of covids"
    old, new = (t.encode(text, add_special_tokens=False).ids for t in (before, after))
    assert old == new
    assert {before.token_to_id("covid"), before.token_to_id("<case>")} < set(new)
    assert max(new) < extended.extension.base.entries


def test_a_second_extension_goes_on_from_the_first(
    make_extended: MakeExtended, tmp_path: Path
) -> None:
    for kind in ("wordpiece", "roberta", "suffix"):
        first = make_extended(kind)
        out = tmp_path / kind
        extend_tokenizer(first.folder, [first.corpus], 10, out)
        second, one, two = read_extension(out), opened(first.folder), opened(out)
        assert second is not None
        assert second.extends(one.get_vocab())
        assert second.new_ids.start == first.extension.new_ids.stop
        assert not set(second.tokens.values()) & set(first.extension.tokens.values())
        text = " ".join(word.lstrip("Ġ▁") for word in sorted(first.new_words))
        ids = [t.encode(text, add_special_tokens=False).ids for t in (one, two)]
        assert len(ids[1]) <= len(ids[0])


def test_equal_inputs_give_equal_bytes_and_the_manifest_vouches_for_them(
    make_extended: MakeExtended, tmp_path: Path
) -> None:
    first = make_extended("byte-bpe")
    config = ExtendConfig(keep=[first.kept], validation=[first.kept])
    extend_tokenizer(first.base, [first.corpus], WORDS, tmp_path / "out", config)
    manifest = read_manifest(tmp_path / "out", "tokenizer extend")
    verify(tmp_path / "out", manifest)
    for name in ("tokenizer.json", "extension.json"):
        assert (tmp_path / "out" / name).read_bytes() == (first.folder / name).read_bytes()
    assert set(manifest.inputs) == {"tokenizer", "corpus", "keep", "validation"}
    assert manifest.counts["corpus"] == first.result["corpus"]


@pytest.mark.skipif(
    not OTHER_PYTHON, reason="MLM_PRETRAIN_TRANSFORMERS4_PYTHON names no interpreter"
)
def test_transformers_4_gives_the_same_ids(
    extended: Extended, paragraphs: list[str], tmp_path: Path
) -> None:
    texts = [*paragraphs[:300], *sorted(extended.new_words)]
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    done = subprocess.run(
        [str(OTHER_PYTHON), "-c", SCRIPT, str(extended.folder), str(tmp_path / "texts.json")],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    ours = AutoTokenizer.from_pretrained(extended.folder)(texts)["input_ids"]
    assert found["True"] == ours
    assert all(ids == ours for ids in found.values())
