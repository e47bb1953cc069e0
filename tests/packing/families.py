"""Real English text that every Python carries, and small tokenizers of every family trained on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from pydoc_data import topics

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

TEXTS = [text for _, text in sorted(topics.topics.items())]
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
OTHER_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def wordpiece(pre: pre_tokenizers.PreTokenizer | None = None, lowercase: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre or pre_tokenizers.BertPreTokenizer()
    return _train(tokenizer, trainers.WordPieceTrainer, special_tokens=BERT_TOKENS)


def byte_bpe(add_prefix_space: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _train(
        tokenizer, trainers.BpeTrainer, special_tokens=OTHER_TOKENS, initial_alphabet=alphabet
    )


def metaspace_bpe(scheme: str = "first") -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return _train(tokenizer, trainers.BpeTrainer, special_tokens=OTHER_TOKENS)


def collapsing_bpe() -> Tokenizer:
    """Every run of blanks is one space, and words are cut further behind Metaspace."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    words = Regex(r"▁?[\p{L}\p{M}]+|▁?\p{N}+|▁?[^\s\p{L}\p{M}\p{N}▁]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Split(words, "isolated")]
    )
    return _train(tokenizer, trainers.BpeTrainer, special_tokens=OTHER_TOKENS)


def unigram(split_first: bool = False) -> Tokenizer:
    """As SentencePiece makes them: NFKC, repeated spaces collapsed."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    parts = [pre_tokenizers.Metaspace()]
    if split_first:
        parts.insert(0, pre_tokenizers.WhitespaceSplit())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    return _train(
        tokenizer, trainers.UnigramTrainer, special_tokens=OTHER_TOKENS, unk_token="<unk>"
    )


def _train(tokenizer: Tokenizer, trainer: Callable[..., object], **settings: object) -> Tokenizer:
    trained = trainer(vocab_size=600, show_progress=False, **settings)
    tokenizer.train_from_iterator(TEXTS[:20], trained)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, **settings: object) -> Path:
    """A standard tokenizer folder, with the named special tokens and nothing more."""
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


BERT = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def write_corpus(path: Path, texts: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)
