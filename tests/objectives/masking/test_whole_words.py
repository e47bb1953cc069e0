"""Whole words, found here from the tokenizer's character offsets and by masking from ids alone."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from one_row import choose_tokens

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary

ALGORITHMS = ["wordpiece", "bpe", "byte-bpe", "unigram"]
# Much of it lies outside the alphabets: bytes, broken characters and unknown tokens inside words.
HARD_TEXT = (
    " The well-known co-operation isn't e-mail's; O'Neil's — “quoted”, naïve cafés—résumés 3.14 and "
    "2024, $5 50% (assignment,expression) [subscript] can't/won't 東京は日本の首都です。 你好，世界 "
    "€5 Straße coöperate Ångström's foo_bar x=1 'tis unhappily¿qué? re-entered 1,234.5th "
)


def is_in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def find_words(text: str) -> list[tuple[int, int]]:
    """(start, end) of runs of letters, marks and digits, and of every other sign.

    An ideograph stands alone: WordPiece splits there, and the others only ever take more at a time.
    """
    words: list[tuple[int, int]] = []
    for place, character in enumerate(text):
        ideograph = "\u4e00" <= character <= "\u9fff"
        follows = bool(words) and words[-1][1] == place and is_in_word(text[place - 1])
        follows = follows and not "\u4e00" <= text[place - 1] <= "\u9fff"
        if is_in_word(character) and follows and not ideograph:
            words[-1] = (words[-1][0], place + 1)
        elif not character.isspace():
            words.append((place, place + 1))
    return words


def encode(tokenizer: Any, text: str) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    encoding = tokenizer(text, return_offsets_mapping=True, truncation=False, verbose=False)
    return np.array(encoding["input_ids"]), encoding["offset_mapping"]


def test_the_words_of_this_test() -> None:
    text = "can't go—日本 e-mail, é1"
    found = [text[start:end] for start, end in find_words(text)]
    assert found == ["can", "'", "t", "go", "—", "日", "本", "e", "-", "mail", ",", "é1"]


@pytest.mark.parametrize("unit", ["word", "span", "ngram"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_chosen_positions_are_whole_words(
    tokenizers: dict[str, Any], algorithm: str, unit: str
) -> None:
    text = HARD_TEXT
    if algorithm in ("bpe", "unigram"):  # what these tokenizers make of it, so that offsets fit
        text = unicodedata.normalize("NFKC" if algorithm == "unigram" else "NFC", text)
    else:
        text += "cafe\u0301s re\u0301sume\u0301 "  # marks that stay on their own
    ids_T, offsets = encode(tokenizers[algorithm], text)
    vocabulary = read_vocabulary(tokenizers[algorithm])
    words = [
        [
            i for i, (low, high) in enumerate(offsets)
            if max(low, start) < min(high, end) and not vocabulary.special_V[ids_T[i]]
        ]
        for start, end in find_words(text)
    ]  # fmt: skip
    long_and_chosen = 0
    for seed in range(60):
        config = MaskedConfig(ratio=0.3, unit=unit)
        chosen_T = choose_tokens(ids_T, vocabulary, config, np.random.default_rng(seed))
        for word in words:
            assert len(set(chosen_T[word].tolist())) <= 1, tokenizers[algorithm].decode(ids_T[word])
            long_and_chosen += len(word) > 1 and bool(chosen_T[word[0]])
        assert 0 < chosen_T.sum() < 0.6 * len(ids_T)
    assert long_and_chosen > 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_words_start_exactly_where_the_text_says(
    tokenizers: dict[str, Any], texts: list[str], algorithm: str
) -> None:
    tokenizer = tokenizers[algorithm]
    vocabulary = read_vocabulary(tokenizer)
    inside = 0
    for text in filter(str.isascii, texts):
        ids_T, offsets = encode(tokenizer, text)
        word_starts = {start for start, _ in find_words(text)}
        expected = []
        for token, (low, high) in zip(ids_T, offsets, strict=True):
            blanks = len(text[low:high]) - len(text[low:high].lstrip())
            is_blank = low + blanks == high  # a space of its own, or a special token
            expected.append(
                bool(vocabulary.special_V[token]) or is_blank or low + blanks in word_starts
            )
        assert vocabulary.word_starts(ids_T).tolist() == expected
        inside += expected.count(False)
    assert inside > 400


def test_pieces_are_marked_at_their_ends(toy: Vocabulary) -> None:
    ids = np.array([2, 5, 35, 36, 6, 7, 35, 3, 2, 35, 5, 3])
    expected = [1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1]  # a piece after [CLS] starts whatever it is
    assert toy.word_starts(ids).tolist() == [bool(flag) for flag in expected]


def tokenizer_of(pieces: list[str], **roles: str) -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    library = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=[]))
    return PreTrainedTokenizerFast(tokenizer_object=library, **roles)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["▁na", "<0xC3>", "<0xAF>", "ve", "<0x2C>", "so", "<0x0A>", "is"], "10001111"),
        (["▁na", "<unk>", "ve", ",", "so", "▁", "<unk>"], "1001111"),
        (["the▁", "cat▁", "s", "at▁"], "1110"),  # the space at the end of a word
        (["▁a", "1", "\u0301b", "_", "c"], "10011"),
    ],
)
def test_pieces_that_no_trained_tokenizer_here_has(pieces: list[str], expected: str) -> None:
    names = ["<pad>", "<unk>", *dict.fromkeys(p for p in pieces if p != "<unk>")]
    vocabulary = read_vocabulary(tokenizer_of(names, pad_token="<pad>", unk_token="<unk>"))
    starts = vocabulary.word_starts(np.array([names.index(piece) for piece in pieces]))
    assert "".join(str(int(flag)) for flag in starts) == expected


def test_an_unknown_token_that_also_ends_documents_is_a_border() -> None:
    end = "<|endoftext|>"
    names = [end, "▁a", "b"]
    tokenizer = tokenizer_of(names, pad_token=end, unk_token=end, eos_token=end)
    assert read_vocabulary(tokenizer).word_starts(np.array([1, 0, 2])).tolist() == [True] * 3


def test_tokenizers_that_cannot_be_followed_are_refused() -> None:
    with pytest.raises(InputError, match="no padding token"):
        read_vocabulary(tokenizer_of(["▁a"]))
    with pytest.raises(InputError, match="</w>"):
        read_vocabulary(tokenizer_of(["<pad>", "a</w>"], pad_token="<pad>"))
