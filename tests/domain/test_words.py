"""How unlike texts are in their words, and how a tokenizer suits them: exact on small texts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from tiny_problems import byte_bpe, wordpiece
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from mlm_pretrain.domain.divergence import bigrams, compare_words, divergence, shared_top, unigrams
from mlm_pretrain.domain.fit import NEW_WORDS, tokenizer_fit, unigram_nats
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.domain.sampling import draw, halves


def test_divergence_is_scipy_s() -> None:
    draws = np.random.default_rng(0)
    for _ in range(20):
        p, q = draws.poisson(2.0, (2, 50))
        counts = [Counter(dict(enumerate(side.tolist()))) for side in (p, q)]
        assert divergence(*counts) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)
    assert divergence(Counter("aab"), Counter("aabaab")) == 0
    assert divergence(Counter("aab"), Counter("xyz")) == 1
    texts = [["a", "b", "a"], ["b", "a"]]
    assert unigrams(texts) == {"a": 3, "b": 2}
    assert bigrams(texts) == {("a", "b"): 1, ("b", "a"): 2}
    assert shared_top(Counter("aaabbc"), Counter("aaaccd"), 2) == 0.5


def test_text_is_as_far_from_itself_as_its_halves(test_data: Path) -> None:
    """And other domains are farther, in the order that a reader expects."""

    def texts(name: str, seed: int) -> list[str]:
        read = CorpusReading([str(test_data / name)])
        return draw(read, 1_000_000, seed).texts

    wiki = "wiki_en_2015/corpus/{}.jsonl.gz".format
    general = texts(wiki("test"), 0)
    names = {
        "same": wiki("validation"),
        "reviews": "imdb_reviews/corpus/validation.jsonl.gz",
        "biomedicine": "biomed_text/corpus/validation.jsonl.gz",
        "contracts": "cuad_clauses/validation.jsonl.gz",
    }
    found = {n: compare_words(texts(path, 1), general, 10_000) for n, path in names.items()}
    above = {n: of["unigrams"]["bits"] - of["unigrams"]["noise"] for n, of in found.items()}
    assert abs(above["same"]) < 0.03
    assert found["same"]["unigrams"]["bits"] > 0.15  # of so little text, which is no distance
    assert 0.15 < above["reviews"] < above["biomedicine"] < above["contracts"]
    shared = {n: of["top"]["shared_within"] - of["top"]["shared"] for n, of in found.items()}
    assert abs(shared["same"]) < 0.04 < 0.1 < min(shared[n] for n in names if n != "same")


def test_sample_is_even_bounded_and_without_copies(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    texts = [f"{number:05d} {number * 7919} and some words" for number in range(4000)]
    lines = [json.dumps({"text": text}) for text in [*texts, *texts[:100]]]
    path.write_text("\n".join(lines), encoding="utf-8")
    read = CorpusReading([str(path)])
    sample = draw(read, 10_000, seed=3, check_copies=10_000)
    assert (sample.documents, sample.copies) == (4100, {"exact": 100})
    assert 9_950 < sample.sampled_bytes <= 10_000
    assert len(set(sample.texts)) == len(sample.texts)
    places = [int(text[:5]) for text in sample.texts]
    assert np.histogram(places, bins=4, range=(0, 4000))[0].min() > 0.15 * len(places)
    assert places != sorted(places)
    assert draw(read, 10_000, seed=3, check_copies=10_000).texts == sample.texts
    # A larger sample begins with the smaller one, and another seed draws others.
    assert (
        draw(read, 20_000, seed=3, check_copies=10_000).texts[: len(sample.texts)] == sample.texts
    )
    assert draw(read, 10_000, seed=4).texts != sample.texts


def texts_of_new_words() -> list[str]:
    one, other = "the cat sleeps near the Enalapril tree", "a dog and enalapril dose then 1234 1234"
    return [one, one, other, other] * 15


def test_fit_counts_tokens_of_words() -> None:
    text = "the cat walks slowly; enalapril ☃"
    fit = tokenizer_fit(wordpiece(), [text], 100)
    # Four words, a sign, nine letters, and a sign that the vocabulary lacks.
    assert fit["tokens"] == 4 + 1 + len("enalapril") + 1
    assert fit["fertility"] == fit["tokens"] / 6
    assert fit["unknown_rate"] == 2 / fit["tokens"]
    assert fit["bytes_per_token"] == len(text.encode()) / fit["tokens"]
    assert (fit["top_words"], fit["top_words_whole"]) == (5, 4 / 5)
    assert fit["saved_by_new_words"] == 0  # no word stands there often enough to be learned


def test_a_word_that_cannot_be_read_is_not_whole() -> None:
    fit = tokenizer_fit(wordpiece(), ["the дом cat дом near дом"] * 50, 100)
    assert (fit["top_words"], fit["top_words_whole"]) == (4, 3 / 4)
    assert fit["unknown_rate"] == 1 / 2
    assert fit["saved_by_new_words"] == 0


def test_entropy_is_that_of_so_many_tokens() -> None:
    texts = [
        "the cat sleeps near the tree",
        "the dog walks in the house ☃",
        "the end is never seen",
    ]
    ids = [i for text in texts for i in wordpiece()(text, add_special_tokens=False)["input_ids"]]
    assert len(ids) > 20
    for tokens in (1, 6, 9, len(ids), 1000):
        counts = list(Counter(ids[:tokens]).values())
        assert unigram_nats(wordpiece(), texts, tokens) == pytest.approx(entropy(counts), abs=1e-12)
    assert unigram_nats(wordpiece(), texts, 0) == unigram_nats(wordpiece(), [], 9) == 0


def test_blank_before_a_word_does_not_put_it_into_pieces() -> None:
    words = ["the", "cat", "near", "house", "violet", "awful"]
    fit = tokenizer_fit(byte_bpe(), [" ".join(words)] * 50, 100)
    lengths = {
        blank: [len(byte_bpe()(blank + word)["input_ids"]) - 2 for word in words]
        for blank in ("", " ")
    }
    whole = [min(pair) == 1 for pair in zip(*lengths.values(), strict=True)]
    assert sum(whole) > sum(length == 1 for length in lengths[""])
    assert fit["top_words_whole"] == sum(whole) / len(words)
    assert fit["unknown_rate"] == 0


def test_tokens_said_to_be_saved_are_saved() -> None:
    """By a tokenizer that has the words as entries, on the half they were not chosen on."""
    texts = texts_of_new_words()
    old = wordpiece()
    second = halves(texts)[1]

    def tokens(tokenizer: Any) -> int:
        return sum(map(len, tokenizer(second, add_special_tokens=False)["input_ids"]))

    content = json.loads(old.backend_tokenizer.to_str())
    for word in ("enalapril", "dose"):
        content["model"]["vocab"][word] = len(content["model"]["vocab"])
    new = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)), unk_token="[UNK]"
    )
    fit = tokenizer_fit(old, texts, 100)
    assert NEW_WORDS >= 2
    assert tokens(new) < tokens(old)
    assert fit["saved_by_new_words"] == pytest.approx(1 - tokens(new) / tokens(old), abs=1e-12)
