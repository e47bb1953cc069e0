"""Tokenizer folders as others publish them (classes of transformers, other files, tokens added later), and an
extended one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer, WordPieceTrainer

from mlm_pretrain.extension import Extension, read_extension

WORDS = 60

BERT = {
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}  # fmt: skip
ROBERTA = {
    "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
    "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
}  # fmt: skip
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def save(tokenizer: Tokenizer, folder: Path, **settings: Any) -> Path:
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 64, **settings}))
    return folder


def bert(texts: list[str], folder: Path) -> Path:
    """BertTokenizer with its vocab.txt, and truncation and padding in tokenizer.json, as published ones."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = WordPieceTrainer(
        vocab_size=700, special_tokens=list(BERT.values()), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    save(tokenizer, folder, tokenizer_class="BertTokenizer", do_lower_case=True, **BERT)
    entries = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    (folder / "vocab.txt").write_text("".join(f"{entry}\n" for entry, _ in entries))
    return folder


def roberta(texts: list[str], folder: Path) -> Path:
    """RobertaTokenizer with vocab.json and merges.txt, and two tokens beside the model's vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=700, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken("<case>", special=True)])
    tokenizer.add_tokens(["covid"])
    save(tokenizer, folder, tokenizer_class="RobertaTokenizer", **ROBERTA)
    write_merges(tokenizer, folder)
    return folder


def suffix_bpe(texts: list[str], folder: Path) -> Path:
    """Entries at the end of a word bear a suffix, as in CLIP and XLM."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = BpeTrainer(
        vocab_size=700, special_tokens=SPECIALS, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    save(tokenizer, folder, tokenizer_class="PreTrainedTokenizerFast", **ROBERTA)
    write_merges(tokenizer, folder)
    return folder


def write_merges(tokenizer: Tokenizer, folder: Path) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def opened(folder: Path) -> Tokenizer:
    """By the tokenizers library alone, without truncation and padding."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def words_of(tokenizer: Tokenizer, text: str) -> list[str]:
    """As the model gets them."""
    normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


@dataclass(frozen=True)
class Extended:
    """A tokenizer folder, its extension, and what the texts were."""

    base: Path
    folder: Path
    result: dict[str, Any]
    corpus: str
    kept: str
    kept_texts: list[str]

    @property
    def extension(self) -> Extension:
        found = read_extension(self.folder)
        assert found is not None
        return found

    @property
    def new_words(self) -> set[str]:
        """As the model gets them: entries, but for a suffix."""
        return {token.removesuffix("</w>") for token in self.extension.tokens.values()}


MakeExtended = Callable[[str], Extended]
