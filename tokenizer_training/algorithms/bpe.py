"""Byte-pair encoding over characters, with bytes for characters outside the alphabet.

Text is brought to Unicode form NFC and runs of white space become one space.
"""

from __future__ import annotations

from tokenizers import Tokenizer, models, normalizers

from tokenizer_training.algorithm import Algorithm, Learned, TooFewPiecesError, require_size
from tokenizer_training.alphabet import (
    FEWER_CHARACTERS,
    choose_alphabet,
    count_characters,
    count_strangers,
    cut_at_strangers,
)
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.merges import learn_merges
from tokenizer_training.metaspace import add_metaspace, decoder, frame
from tokenizer_training.specials import ROBERTA

_BYTES = tuple(f"<0x{value:02X}>" for value in range(256))


def pipeline(config: TokenizerConfig) -> Tokenizer:
    """Normaliser, pre-tokeniser and decoder around an empty model."""
    del config  # upper case and accents are always kept
    tokenizer = Tokenizer(models.BPE())
    add_metaspace(tokenizer, normalizers.NFC())
    tokenizer.decoder = decoder(byte_fallback=True)
    return tokenizer


def learn(words: dict[str, int], vocab_size: int, config: TokenizerConfig) -> Learned:
    """A BPE model of exactly `vocab_size` entries: special tokens, bytes, characters, merges.

    Raises:
        InputError: when the size cannot hold the special tokens, the bytes and the characters.
        TooFewPiecesError: when the words yield fewer entries.
    """
    found = count_characters(words)
    given = [*ROBERTA.ordered, *_BYTES]
    chosen = choose_alphabet(found, config, vocab_size - len(given))
    alphabet, fixed = chosen.characters, [*given, *chosen.characters]
    contents = f"{len(ROBERTA.ordered)} special tokens, 256 bytes, {len(alphabet)} characters"
    require_size(vocab_size, len(fixed), contents, FEWER_CHARACTERS)
    room = vocab_size - len(fixed)
    known = cut_at_strangers(words, alphabet)
    merges = learn_merges(known, alphabet, room, config.min_frequency)
    if len(merges.entries) < room:
        raise TooFewPiecesError(len(fixed) + len(merges.entries), chosen.limited)
    vocabulary = {entry: index for index, entry in enumerate([*fixed, *merges.entries])}
    model = models.BPE(
        vocab=vocabulary, merges=merges.pairs, unk_token=ROBERTA.unk, byte_fallback=True
    )
    strangers = count_strangers(found, alphabet)
    counts = {"alphabet": len(alphabet), "characters_outside_alphabet": strangers}
    return Learned(model, counts)


ALGORITHM = Algorithm(
    name="bpe",
    specials=ROBERTA,
    chunks=str.split,
    pipeline=pipeline,
    learn=learn,
    frame=frame,
    model_inputs=("input_ids", "attention_mask"),
)
