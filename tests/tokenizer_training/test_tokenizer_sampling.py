"""Counting words: the same words as the tokenizer sees, within bounds."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tokenizers import Tokenizer

from tokenizer_training import ALGORITHMS, TokenizerConfig
from tokenizer_training.sampling import WordSample

ALGORITHM_NAMES = list(ALGORITHMS)


def make_sample(
    algorithm: str = "wordpiece",
    sample_bytes: int = 1 << 30,
    max_distinct_words: int = 1 << 30,
    seed: int = 0,
) -> WordSample:
    chosen = ALGORITHMS[algorithm]
    tokenizer = chosen.pipeline(TokenizerConfig())
    return WordSample(tokenizer, chosen.chunks, sample_bytes, max_distinct_words, 100, seed)


def cut_whole(tokenizer: Tokenizer, text: str) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_words_are_those_of_the_whole_documents(paragraphs: list[str], algorithm: str) -> None:
    long = "日本語の文章" * 60 + "。" + "and,then," * 50
    documents = [*paragraphs[:1500], "  Größe\t\tnaïve\u00a0(x)  \n\n y", long, "don't 12:30 ½ ﬁne"]
    documents = [" ".join(d.split()) if algorithm in ("bpe", "unigram") else d for d in documents]
    tokenizer = ALGORITHMS[algorithm].pipeline(TokenizerConfig())
    sample = make_sample(algorithm)
    expected: Counter[str] = Counter()
    for document in documents:
        sample.add(document)
        expected.update(w for w in cut_whole(tokenizer, document) if len(w) <= 100)
    words = sample.words()
    assert words == expected
    assert list(words) == sorted(words)


def test_a_large_corpus_is_sampled_evenly_and_repeatably() -> None:
    documents = [f"word{number} " + "x " * 2000 for number in range(4000)]
    total = sum(map(len, documents))
    samples = [make_sample(sample_bytes=total // 4, seed=seed) for seed in (0, 0, 1)]
    for document in documents:
        for sample in samples:
            sample.add(document)
    first, again, other = [sample.words() for sample in samples]
    assert first == again
    assert first != other
    counts = samples[0].counts
    assert total / 12 < counts["bytes_sampled"] <= total / 4
    assert counts["documents_read"] == 4000
    taken = [int(word[4:]) for word in first if word.startswith("word")]
    assert len(taken) == counts["documents_sampled"] == first["x"] // 2000
    # A mean of n even draws from 0..4000 strays by 1155/sqrt(n); four times that never happens.
    assert abs(sum(taken) / len(taken) - 2000) < 4 * 1155 / len(taken) ** 0.5


def test_distinct_words_are_bounded_and_the_frequent_stay() -> None:
    sample = make_sample(max_distinct_words=1000)
    for block in range(20):
        rare = " ".join(f"rare{block}n{number}" for number in range(5000))
        sample.add("the of " * 50 + rare)
        sample._shrink()
        held = sum(len(part) for level in sample._levels.values() for part in level.parts)
        assert held <= 1000
    words = sample.words()
    assert words == {"of": 1000, "the": 1000}
    assert sample.counts["rare_words_dropped"] == 20 * 5000


@pytest.mark.parametrize("lines", [1900, 2100, 9000])
def test_writing_without_spaces_is_cut_before_anything_is_dropped(lines: int) -> None:
    """No line comes twice, and is a stretch of its own; what is bounded is words, of which there are few."""
    draw = random.Random(0)
    texts = ["".join(draw.choices("天地玄黄宇宙洪荒日月盈昃", k=30)) for _ in range(lines)]
    sample = make_sample(max_distinct_words=2000)
    for text in texts:
        sample.add(text)
        if sample.counts["documents_read"] % 500 == 0:
            sample._shrink()
            held = sum(len(part) for level in sample._levels.values() for part in level.parts)
            assert held <= 2000
    assert sample.words() == Counter("".join(texts))
    assert sample.counts["rare_words_dropped"] == 0


def test_documents_of_a_word_are_counted_as_the_words_are(paragraphs: list[str]) -> None:
    long = "lymphocyte " * 60 + "x" * 101
    documents = [*paragraphs[:600], long, "Lymphocyte, lymphocyte!\u00a0lymphocyte"]
    for algorithm in ALGORITHM_NAMES:
        chosen = ALGORITHMS[algorithm]
        pipeline = chosen.pipeline(TokenizerConfig())
        counting, plain = (
            WordSample(pipeline, chosen.chunks, 1 << 30, 1 << 30, 100, counts_documents=is_counting)
            for is_counting in (True, False)
        )
        held: Counter[str] = Counter()
        for document in documents:
            counting.add(document)
            plain.add(document)
            text = " ".join(document.split()) if algorithm in ("bpe", "unigram") else document
            held.update({word for word in cut_whole(pipeline, text) if len(word) <= 100})
        words = counting.words()
        assert words == plain.words()
        assert counting.document_counts == held
        assert counting.counts["words_too_long"] == plain.counts["words_too_long"] == 1


def test_documents_of_dropped_words_are_forgotten() -> None:
    chosen = ALGORITHMS["wordpiece"]
    pipeline = chosen.pipeline(TokenizerConfig())
    sample = WordSample(pipeline, chosen.chunks, 1 << 30, 1000, 100, counts_documents=True)
    for block in range(4):
        sample.add("the of " * 50 + " ".join(f"rare{block}n{number}" for number in range(5000)))
        sample._shrink()
        held = sum(len(level.holders) for level in sample._levels.values())
        assert held <= 1000
    assert sample.words() == {"of": 200, "the": 200}
    assert sample.document_counts == {"of": 4, "the": 4}


def test_duplicates_and_overlong_words_are_counted() -> None:
    sample = make_sample()
    for text in ("one two", "one two", "x" * 101, "y" * 100):
        sample.add(text)
    assert sample.words() == {"one": 2, "two": 2, "y" * 100: 1}
    assert sample.duplicate_share == 0.25
    assert sample.counts["words_too_long"] == 1
