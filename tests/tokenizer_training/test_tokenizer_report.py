"""Report figures against a hand-counted example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlm_pretrain.errors import InputError
from tokenizer_training import TokenizerConfig, report_tokenizer, train_tokenizer

WriteCorpus = Callable[[list[str]], str]


def test_figures_are_those_counted_by_hand(
    write_corpus: WriteCorpus, words: list[str], tmp_path: Path, everything: TokenizerConfig
) -> None:
    train_tokenizer([write_corpus(words)], "wordpiece", 37, tmp_path / "out", everything)
    # low | low ##est | [UNK], then newest: 5 tokens, 4 words, 16 + 6 bytes, 4 different entries.
    corpus = write_corpus(["low lowest zebra", "newest"])
    report = report_tokenizer(tmp_path / "out", [corpus])
    assert report == {
        "tokenizer": str(tmp_path / "out"),
        "vocab_size": 37,
        "documents": 2,
        "bytes": 22,
        "words": 4,
        "tokens": 5,
        "fertility": 1.25,
        "bytes_per_token": 4.4,
        "unknown_rate": 0.2,
        "words_whole": 0.5,
        "vocabulary_used": round(4 / 37, 6),
        "round_trip_rate": 0.5,
        "round_trip_compares": "normalised text without white space",
    }
    assert report_tokenizer(tmp_path / "out", [corpus], limit_documents=1)["tokens"] == 4


@pytest.mark.parametrize(
    ("algorithm", "compares"),
    [("byte-bpe", "exact text"), ("bpe", "normalised text"), ("unigram", "normalised text")],
)
def test_word_spans_leave_out_the_space_before_a_word(
    trained: Callable[[str], Path], write_corpus: WriteCorpus, algorithm: str, compares: str
) -> None:
    corpus = write_corpus(["x the of\n\n the xylophone (a)"])
    report = report_tokenizer(trained(algorithm), [corpus])
    assert report["words"] == 6
    assert report["words_whole"] == round(5 / 6, 6)
    assert report["round_trip_rate"] == 1.0
    assert report["round_trip_compares"] == compares


def test_words_with_vowel_signs_are_counted_whole(
    write_corpus: WriteCorpus, tmp_path: Path, everything: TokenizerConfig
) -> None:
    hindi = write_corpus(["हिन्दी की किताब हिन्दी की किताब"] * 20)
    config = everything.model_copy(update={"cased": True})
    train_tokenizer([hindi], "bpe", 284, tmp_path / "out", config)
    report = report_tokenizer(tmp_path / "out", [hindi])
    assert report["words_whole"] == 1.0


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path, english: str) -> None:
    with pytest.raises(InputError, match="none: no such file"):
        report_tokenizer(tmp_path / "none", [english])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="not a tokenizer"):
        report_tokenizer(tmp_path, [english])
