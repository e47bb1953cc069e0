"""Exact vocabularies, special tokens, frames and round trips."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokenizer_training import ALGORITHMS, TokenizerConfig, train_tokenizer

ALGORITHM_NAMES = list(ALGORITHMS)
Trained = Callable[[str], Path]
WriteCorpus = Callable[[list[str]], str]


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def train(corpus: str, algorithm: str, size: int, out: Path, config: TokenizerConfig) -> Tokenizer:
    train_tokenizer([corpus], algorithm, size, out, config)
    return load(out)


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def plain(text: str, tokenizer: Tokenizer) -> bool:
    """Text that spells no special token: one that does means it, and `[MASK]` takes the space before it."""
    specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    return not any(special in text for special in specials)


def in_order(tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size())]


def test_wordpiece_vocabulary_is_the_one_counted_by_hand(
    write_corpus: WriteCorpus, words: list[str], tmp_path: Path, everything: TokenizerConfig
) -> None:
    tokenizer = train(write_corpus(words), "wordpiece", 37, tmp_path / "out", everything)
    characters = list("deilnorstw")
    # es 9 before st 9 (lower symbol first), then lo, low 7, we+st 6, ne 6, wi 3, d+est 3, er 2.
    merges = ["##es", "##est", "lo", "low", "ne", "##west", "newest", "wi", "##dest", "widest"]
    assert in_order(tokenizer) == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *characters,
        *("##" + character for character in characters),
        *merges,
        *("##er", "lower"),
    ]
    assert tokenizer.encode("Lowest", add_special_tokens=False).tokens == ["low", "##est"]
    assert tokenizer.encode("low zest", add_special_tokens=False).tokens == ["low", "[UNK]"]


def test_wordpiece_gives_merges_half_of_what_seen_characters_leave(
    write_corpus: WriteCorpus, words: list[str], tmp_path: Path, everything: TokenizerConfig
) -> None:
    tokenizer = train(write_corpus(words), "wordpiece", 20, tmp_path / "out", everything)
    # 5 special tokens and 11 seen forms leave 4: 2 unseen forms of frequent characters, 2 merges.
    assert in_order(tokenizer)[5:] == [
        *("e", "l", "n", "s", "w"),
        *("##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"),
        *("##es", "##est"),
    ]


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_vocabulary_has_the_exact_size_and_no_hole(trained: Trained, algorithm: str) -> None:
    tokenizer = load(trained(algorithm))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    assert sorted(vocabulary.values()) == list(range(1000))
    assert tokenizer.get_vocab_size(with_added_tokens=False) == 1000


@pytest.mark.parametrize(
    ("algorithm", "single", "pair", "types"),
    [
        ("wordpiece", "[CLS] a [SEP]", "[CLS] a [SEP] b [SEP]", [0, 0, 0, 1, 1]),
        ("byte-bpe", "<s> a </s>", "<s> a </s> </s> b </s>", [0] * 6),
        ("bpe", "<s> ▁a </s>", "<s> ▁a </s> </s> ▁b </s>", [0] * 6),
        ("unigram", "<s> ▁a </s>", "<s> ▁a </s> </s> ▁b </s>", [0] * 6),
    ],
)
def test_special_tokens_frame_one_text_and_a_pair(
    trained: Trained, algorithm: str, single: str, pair: str, types: list[int]
) -> None:
    tokenizer = load(trained(algorithm))
    assert tokenizer.encode("a").tokens == single.split()
    assert tokenizer.encode("a", "b").tokens == pair.split()
    assert tokenizer.encode("a", "b").type_ids == types
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if algorithm != "wordpiece":
        first = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert in_order(tokenizer)[:5] == first


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_a_mask_leaves_no_stray_space_token(trained: Trained, algorithm: str) -> None:
    tokenizer = load(trained(algorithm))
    mask = in_order(tokenizer)[4]
    ids = tokenizer.encode(f"this is {mask}.", add_special_tokens=False).ids
    tokens = [tokenizer.id_to_token(index) for index in ids]
    assert tokens[-2:] == [mask, "."]
    assert tokens[-3] in ("is", "▁is", "Ġis")


def test_byte_bpe_gives_back_any_text_exactly(trained: Trained) -> None:
    tokenizer = load(trained("byte-bpe"))
    assert json.loads(tokenizer.to_str())["model"]["unk_token"] is None

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ANY_TEXT)
    def check(text: str) -> None:
        assume(plain(text, tokenizer))
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text

    check()


def test_bpe_gives_back_any_normalised_text(trained: Trained) -> None:
    tokenizer = load(trained("bpe"))

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ANY_TEXT)
    def check(text: str) -> None:
        assume(plain(text, tokenizer))
        encoding = tokenizer.encode(text, add_special_tokens=False)
        assert "<unk>" not in encoding.tokens
        # A literal ▁ is the sign for a space in these tokenizers.
        normal = tokenizer.normalizer.normalize_str(text).replace("▁", " ")
        decoded = tokenizer.decode(encoding.ids, skip_special_tokens=False)
        assert decoded == normal.removeprefix(" ")

    check()


def test_case_and_accents_are_kept_when_asked(write_corpus: WriteCorpus, tmp_path: Path) -> None:
    corpus = write_corpus(["Größe Größe Größe größe größe"])
    cased = TokenizerConfig(cased=True, character_coverage=1.0)
    kept = train(corpus, "wordpiece", 22, tmp_path / "cased", cased)
    assert kept.encode("Größe", add_special_tokens=False).tokens == ["Größe"]
    plain = train(corpus, "wordpiece", 18, tmp_path / "uncased", TokenizerConfig())
    assert plain.normalizer.normalize_str("Größe") == "große"
