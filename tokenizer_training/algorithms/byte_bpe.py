"""Byte-level byte-pair encoding as in GPT-2 and RoBERTa: nothing is ever unknown.

Text is not normalised, so decoding gives back exactly what was encoded.
"""

from __future__ import annotations

import re

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from tokenizer_training.algorithm import Algorithm, Learned, TooFewPiecesError, require_size
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.merges import learn_merges
from tokenizer_training.specials import ROBERTA

# The pre-tokeniser never joins a word with the white space after it, so cutting before white space
# changes nothing.
_CHUNKS = re.compile(r"\s*\S+|\s+")


def _letters(text: str) -> str:
    """The letters that the pre-tokeniser writes for the bytes of `text`."""
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return "".join(word for word, _ in cut.pre_tokenize_str(text))


# Letters of the second and later bytes of a character. U+0080 to U+00BF show each of them once.
_FOLLOWING = dict.fromkeys(map(ord, _letters("".join(map(chr, range(0x80, 0xC0))))[1::2]))


def pipeline(config: TokenizerConfig) -> Tokenizer:
    """Byte-level pre-tokeniser and decoder around an empty model; no normaliser."""
    del config  # upper case and accents are always kept
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def learn(words: dict[str, int], vocab_size: int, config: TokenizerConfig) -> Learned:
    """A BPE model of exactly `vocab_size` entries: special tokens, 256 bytes, merges.

    Raises:
        InputError: when the size cannot hold the special tokens and the bytes.
        TooFewPiecesError: when the words yield fewer entries.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fixed = [*ROBERTA.ordered, *alphabet]
    contents = f"{len(ROBERTA.ordered)} special tokens, {len(alphabet)} bytes"
    require_size(vocab_size, len(fixed), contents)
    room = vocab_size - len(fixed)
    merges = learn_merges(words, alphabet, room, config.min_frequency)
    if len(merges.entries) < room:
        raise TooFewPiecesError(len(fixed) + len(merges.entries))
    vocabulary = {entry: index for index, entry in enumerate([*fixed, *merges.entries])}
    return Learned(models.BPE(vocab=vocabulary, merges=merges.pairs), {"alphabet": len(alphabet)})


def word_length(word: str) -> int:
    """Characters of a word that is written as one letter a byte."""
    return len(word.translate(_FOLLOWING))


def frame() -> processors.PostProcessor:
    """`<s> A </s>` and `<s> A </s></s> B </s>`; offsets leave out the space before a word."""
    return processors.RobertaProcessing(
        # By position: the second is called `cls` in some versions and `cls_token` in others.
        (ROBERTA.sep, ROBERTA.id_of(ROBERTA.sep)),
        (ROBERTA.cls, ROBERTA.id_of(ROBERTA.cls)),
        trim_offsets=True,
        add_prefix_space=False,
    )


ALGORITHM = Algorithm(
    name="byte-bpe",
    specials=ROBERTA,
    chunks=_CHUNKS.findall,
    pipeline=pipeline,
    learn=learn,
    frame=frame,
    model_inputs=("input_ids", "attention_mask"),
    word_length=word_length,
)
