"""Scripts of thousands of characters, and writing without spaces."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from tokenizer_training import ALGORITHMS, TokenizerConfig, report_tokenizer, train_tokenizer

WriteCorpus = Callable[[list[str]], str]
HAN = [chr(0x4E00 + 5 * index) for index in range(3500)]
KANA = [chr(0x3042 + index) for index in range(80)]
HANGUL = [chr(0xAC00 + 4 * index) for index in range(2350)]


def write_script(script: str, seed: int) -> list[str]:
    """Characters as unevenly frequent as in real text: the first thousand make up 97 %."""
    draw, characters = random.Random(seed), HANGUL if script == "korean" else HAN
    weights = [(rank + 50) ** -2.2 for rank in range(len(characters))]
    drawn = draw.choices(characters, weights, k=100_000)
    if script == "japanese":
        drawn = [draw.choice((character, draw.choice(KANA))) for character in drawn]
    words = [drawn[start : start + draw.randint(2, 6)] for start in range(0, len(drawn), 6)]
    ends = " " if script == "korean" else "，。"
    runs = ["".join(word) + draw.choice(ends) for word in words]
    return ["".join(runs[start : start + 30]) for start in range(0, len(runs), 30)]


@pytest.mark.parametrize("vocab_size", [4000, 6500])
@pytest.mark.parametrize("script", ["chinese", "japanese", "korean"])
@pytest.mark.parametrize("algorithm", ["wordpiece", "bpe", "unigram"])
def test_a_script_of_thousands_of_characters_is_known(
    write_corpus: WriteCorpus,
    paragraphs: list[str],
    tmp_path: Path,
    algorithm: str,
    script: str,
    vocab_size: int,
) -> None:
    config = TokenizerConfig(cased=True)  # else WordPiece takes Hangul apart as it does accents
    corpus = write_corpus([*write_script(script, 0), *paragraphs])
    train_tokenizer([corpus], algorithm, vocab_size, tmp_path / "out", config)
    report = report_tokenizer(tmp_path / "out", [write_corpus(write_script(script, 1))])
    assert report["vocab_size"] == vocab_size
    assert report["unknown_rate"] < 0.01


def test_a_limit_that_binds_is_named_and_its_advice_helps(
    write_corpus: WriteCorpus, tmp_path: Path
) -> None:
    texts = ["".join(HAN[(7 * row + column) % 3000] for column in range(50)) for row in range(3000)]
    corpus, out = write_corpus(texts), tmp_path / "out"
    limited = TokenizerConfig(alphabet_limit=1000)
    with pytest.raises(InputError, match=r"1005 entries at most with --alphabet-limit 1000") as at:
        train_tokenizer([corpus], "wordpiece", 3000, out, limited)
    assert "ask for --vocab-size 1005 or less, or raise --alphabet-limit" in at.value.way_out
    with pytest.raises(InputError, match=r"1005 or more, or take fewer .* --alphabet-limit"):
        train_tokenizer([corpus], "wordpiece", 1000, out)
    result = train_tokenizer([corpus], "wordpiece", 3000, out)  # characters take what is left over
    assert result["counts"]["alphabet"] == 2995
    with pytest.raises(InputError, match="give more text") as at:
        train_tokenizer([corpus], "wordpiece", 8000, out, overwrite=True)
    feasible = int(re.findall(r"yields (\d+) entries", at.value.problem)[0])
    train_tokenizer([corpus], "wordpiece", feasible, out, overwrite=True)
    assert report_tokenizer(out, [corpus])["unknown_rate"] < 0.001


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
@pytest.mark.parametrize("letter", ["x", "ж", "ก", "𐐀"])
def test_the_length_of_a_word_is_counted_in_characters(
    write_corpus: WriteCorpus, tmp_path: Path, algorithm: str, letter: str
) -> None:
    corpus = write_corpus([f"of {letter * 98} ", f"of {letter * 102} "] * 4)
    config = TokenizerConfig(character_coverage=1.0, cased=True)
    size = {"wordpiece": 14, "unigram": 16}.get(algorithm, 270)
    result = train_tokenizer([corpus], algorithm, size, tmp_path / "out", config)
    assert result["counts"]["words_too_long"] == 4
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    ids = tokenizer.encode(letter * 98, add_special_tokens=False).ids
    assert len(ids) < 98  # learned from: letters have joined
    assert tokenizer.decode(ids).replace(" ", "") == tokenizer.decode(ids) == letter * 98


@pytest.mark.parametrize(("long", "is_said"), [(1, False), (3, True)])
def test_many_words_too_long_are_said(
    write_corpus: WriteCorpus,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    long: int,
    is_said: bool,
) -> None:
    corpus = write_corpus(["low lower lowest newest"] * 49 + ["x" * 101] * long)
    result = train_tokenizer([corpus], "byte-bpe", 270, tmp_path / "out")
    assert result["counts"]["words_too_long"] == long
    said = f"{long} words (2%) are longer than 100 characters and not learned from"
    assert (said in capfd.readouterr().err) == is_said
