"""The word cache gives exactly the library's ids, or is not used."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest
from families import TEXTS, byte_bpe, collapsing_bpe, metaspace_bpe, unigram, wordpiece
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers

from mlm_pretrain.packing import wordcache
from mlm_pretrain.packing.encoding import choose_encoder
from mlm_pretrain.packing.library import LibraryEncoder, open_tokenizer
from mlm_pretrain.packing.separation import find_separator
from mlm_pretrain.packing.wordcache import WordCache

DTYPE = np.dtype("<u2")
FAMILIES = {
    "wordpiece": wordpiece,
    "wordpiece cased": lambda: wordpiece(lowercase=False),
    "wordpiece on \\w+": lambda: wordpiece(pre_tokenizers.Whitespace()),
    "wordpiece on blanks": lambda: wordpiece(pre_tokenizers.WhitespaceSplit()),
    "byte-level BPE": byte_bpe,
    "byte-level BPE, prefix space": lambda: byte_bpe(True),
    "Metaspace BPE, first": metaspace_bpe,
    "Metaspace BPE, always": lambda: metaspace_bpe("always"),
    "Metaspace BPE, never": lambda: metaspace_bpe("never"),
    "collapsing BPE": collapsing_bpe,
    "Unigram": unigram,
    "Unigram on blanks": lambda: unigram(True),
}
# Every kind of blank, what normalisers drop or turn into blanks, accents, contractions, ligatures.
ODD = [
    *" \n\t\r\x0b\x00\x1c\x85\xa0\u200b\u3000\u2581\ufeff\xad",
    "  ", "\n\n", " \n ", "'s", "don't", "_", ",", "(", "-", "#", "é", "e\u0301", "\u0301", "¨",
    "ﬁ", "日本", "١", "ß", "İ", "Σ", "a", "B", "the", "function", "12", "[MASK]", "<mask>", "</s>",
]  # fmt: skip
odd_texts = st.lists(st.sampled_from(ODD) | st.characters(codec="utf-8"), max_size=30).map("".join)


@lru_cache
def encoders(family: str) -> tuple[WordCache, LibraryEncoder]:
    content = FAMILIES[family]().to_str()
    separator = find_separator(json.loads(content))
    assert separator is not None
    cache = WordCache(open_tokenizer(content), DTYPE, separator)
    return cache, LibraryEncoder(open_tokenizer(content), DTYPE)


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_on_prose(family: str) -> None:
    cache, library = encoders(family)
    expected = library.encode(TEXTS)
    assert cache.encode(TEXTS) == expected
    assert cache.encode(TEXTS) == expected  # everything known by now
    flowing = [" ".join(text.split()) for text in TEXTS]
    assert cache.encode(flowing) == library.encode(flowing)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=150, deadline=None)
@given(texts=st.lists(odd_texts, min_size=1, max_size=5))
def test_equal_on_odd_text(family: str, texts: list[str]) -> None:
    cache, library = encoders(family)
    assert cache.encode(texts) == library.encode(texts)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordcache, "MOST_PIECES", 100)
    content = wordpiece().to_str()
    cache = WordCache(open_tokenizer(content), DTYPE, "punctuation")
    library = LibraryEncoder(open_tokenizer(content), DTYPE)
    for text in TEXTS[:10]:
        assert cache.encode([text]) == library.encode([text])
        assert len(cache._pieces) <= 100


def without(change: str) -> Tokenizer:
    """Tokenizers that look across blanks, each in its own way."""
    tokenizer = byte_bpe()
    if change == "no pre-tokeniser":
        tokenizer.pre_tokenizer = None
    elif change == "punctuation takes line feeds":
        split = pre_tokenizers.Split(Regex(r"[^\s\w]+\n*|\s+|\w+"), "isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    elif change == "blanks replaced":
        tokenizer.normalizer = normalizers.Replace(" ", "")
    elif change == "accents deleted between kept blanks":
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    elif change == "added token with a blank":
        tokenizer.add_tokens([AddedToken("the function")])
    return tokenizer


@pytest.mark.parametrize(
    "change",
    [
        "no pre-tokeniser",
        "punctuation takes line feeds",
        "blanks replaced",
        "accents deleted between kept blanks",
        "added token with a blank",
    ],
)
def test_refused_where_cuts_are_not_certain(change: str) -> None:
    content = without(change).to_str()
    assert choose_encoder(content, DTYPE, TEXTS[:3]).name == "library"
    assert choose_encoder(byte_bpe().to_str(), DTYPE, TEXTS[:3]).name == "word cache"


def test_library_is_chosen_when_the_sample_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules on paper are not trusted alone."""
    content = metaspace_bpe().to_str()
    monkeypatch.setattr("mlm_pretrain.packing.encoding.find_separator", lambda _: "punctuation")
    assert choose_encoder(content, DTYPE, TEXTS[:3]).name == "library"


def test_special_tokens_in_the_text_are_text() -> None:
    for family, literal in (("wordpiece", "a [MASK] b"), ("byte-level BPE", "a <mask> b")):
        control = set(range(5))
        for encoder in encoders(family):
            ids = np.frombuffer(encoder.encode([literal])[0], DTYPE).tolist()
            assert not control.intersection(ids) - {1}  # [UNK] is honest for a bracket
            assert len(ids) > 3
