"""Tokenizers of classes that transformers builds by itself, as the models of these families have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from extending_bases import MakeExtended

from mlm_pretrain.extension import read_extension
from tokenizer_training.extending import extend_tokenizer

SAMPLE = "Größe, naïve statements: isn't it? (x) 東京 <mask> [MASK]"
# class: the kind of tokenizer whose model it gets.
CLASSES = {
    "XLMRobertaTokenizer": "unigram", "T5Tokenizer": "unigram", "DebertaV2Tokenizer": "unigram",
    "DistilBertTokenizer": "bert", "RobertaTokenizer": "byte-bpe", "DebertaTokenizer": "byte-bpe",
    "CLIPTokenizer": "suffix",
}  # fmt: skip
SPECIAL_PIECES = {
    "XLMRobertaTokenizer": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "T5Tokenizer": ("<pad>", "</s>", "<unk>"),
    "DebertaV2Tokenizer": ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"),
}


def build(name: str, model: dict[str, Any]) -> Any:
    kind = getattr(transformers, name)
    if model["type"] == "Unigram":
        pieces = [(piece, score) for piece, score in model["vocab"][5:]]
        return kind(vocab=[*((special, 0.0) for special in SPECIAL_PIECES[name]), *pieces])
    if model["type"] == "WordPiece":
        return kind(vocab=model["vocab"])
    vocabulary = dict(model["vocab"])
    if name == "CLIPTokenizer":
        for token in ("<|startoftext|>", "<|endoftext|>"):
            vocabulary[token] = len(vocabulary)
    return kind(vocab=vocabulary, merges=[tuple(merge) for merge in model["merges"]])


@pytest.mark.parametrize("name", CLASSES)
def test_new_words_arrive_and_old_ids_stay(
    name: str, make_extended: MakeExtended, tmp_path: Path
) -> None:
    known = make_extended(CLASSES[name])
    content = json.loads((known.base / "tokenizer.json").read_text("utf-8"))
    build(name, content["model"]).save_pretrained(tmp_path / "base")
    base = transformers.AutoTokenizer.from_pretrained(tmp_path / "base")
    extend_tokenizer(tmp_path / "base", [known.corpus], 20, tmp_path / "out")
    extended = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    extension = read_extension(tmp_path / "out")
    assert extension is not None
    assert extension.new_ids.start == len(base)
    assert dict(extended(SAMPLE)) == dict(base(SAMPLE))
    assert extended.special_tokens_map == base.special_tokens_map
    old = base.get_vocab()
    assert {entry: extended.get_vocab()[entry] for entry in old} == old
    extended.save_pretrained(tmp_path / "saved")
    saved = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    text = " ".join(token.strip("Ġ▁").removesuffix("</w>") for token in extension.tokens.values())
    ids = extended(text)["input_ids"]
    assert len(set(ids).intersection(extension.new_ids)) > 5
    assert saved(text)["input_ids"] == ids
    # Looked up whole, nothing but the new words differs from the old ids.
    if CLASSES[name] == "byte-bpe":
        in_pieces = [old_id for index in ids for old_id in extension.pieces.get(index, [index])]
        assert in_pieces == base(text)["input_ids"]
