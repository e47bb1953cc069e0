"""How well a model's tokenizer suits a text: tokens a word, what is unknown, which words are in pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from mlm_pretrain.domain.divergence import top
from mlm_pretrain.domain.sampling import halves
from mlm_pretrain.objectives.vocabulary import find_unknown
from mlm_pretrain.words import WORD

NEW_WORDS = 1000
_FEWEST_TIMES = 5  # of a rarer word no vector is learned
_MOST_WORDS = 50_000  # distinct ones whose pieces are looked at; those beyond are rare
_BATCH = 256


def tokenizer_fit(tokenizer: Any, texts: Sequence[str], top_words: int) -> dict[str, Any]:
    """Figures of a tokenizer on texts, special tokens left out.

    Returns:
        - `words` (separated by white space), `tokens`, `bytes` (UTF-8)
        - `fertility`: tokens a word (Rust et al. 2021, "How good is your tokenizer?")
        - `bytes_per_token`
        - `unknown_rate`: share of the tokens that are the unknown token
        - `top_words`: how many frequent words were looked at; `top_words_whole`: share that are one token
        - `saved_by_new_words`: share of the tokens that a thousand words as new entries would save, chosen
          on one half of the texts and counted on the other
    """
    unknown = find_unknown(tokenizer)
    counts: Counter[int] = Counter()
    for ids in _coded(tokenizer, texts):
        counts.update(ids)
    tokens, words = sum(counts.values()), sum(len(text.split()) for text in texts)
    size = sum(len(text.encode()) for text in texts)
    first, second = (_word_counts(tokenizer, half) for half in halves(texts))
    frequent = top(first + second, _MOST_WORDS)
    coded = _coded_words(tokenizer, frequent, unknown)
    pieces = {word: len(ids) for word, ids in coded.items()}
    looked_at = frequent[:top_words]
    whole = sum(pieces[word] == 1 and unknown not in coded[word] for word in looked_at)
    rest = sum(map(len, _coded(tokenizer, halves(texts)[1])))
    return {
        "words": words,
        "tokens": tokens,
        "bytes": size,
        "fertility": _ratio(tokens, words),
        "bytes_per_token": _ratio(size, tokens),
        "unknown_rate": _ratio(0 if unknown is None else counts[unknown], tokens),
        "top_words": len(looked_at),
        "top_words_whole": _ratio(whole, len(looked_at)),
        "saved_by_new_words": _ratio(_saved(first, second, pieces), rest),
    }


def unigram_nats(tokenizer: Any, texts: Sequence[str], tokens: int) -> float:
    """Entropy of the first `tokens` tokens: the loss of who knows how frequent each is and no more.

    The fewer tokens it is taken from the lower it is, for rare ones are missed. So it is taken from equally
    many of two texts that are compared.
    """
    every = chain.from_iterable(_coded(tokenizer, texts))
    return _entropy(Counter(islice(every, tokens)))


def _word_counts(tokenizer: Any, texts: Sequence[str]) -> Counter[str]:
    """How often each word stands in the texts, as the tokenizer sees it."""
    ignores_case = _ids(tokenizer, ["Word"]) == _ids(tokenizer, ["word"])
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(WORD.findall(text.lower() if ignores_case else text))
    return counts


def _coded_words(tokenizer: Any, words: list[str], unknown: int | None) -> dict[str, list[int]]:
    """The tokens of each word. Some tokenizers mark the blank before it, and some set it: what is known, and
    shorter."""
    forms = (_coded(tokenizer, words), _coded(tokenizer, [f" {word}" for word in words]))
    return {
        word: min(coded, key=lambda ids: (unknown in ids, len(ids)))
        for word, coded in zip(words, zip(*forms, strict=True), strict=True)
    }


def _saved(chosen_on: Counter[str], counts: Counter[str], pieces: dict[str, int]) -> int:
    """Tokens of the text counted in `counts` that the words worth most on the other would save."""
    worth = {
        word: chosen_on[word] * (number - 1)
        for word, number in pieces.items()
        if chosen_on[word] >= _FEWEST_TIMES and number > 1 and not word.isdecimal()
    }
    best = sorted(worth, key=lambda word: (-worth[word], word))[:NEW_WORDS]
    return sum(counts[word] * (pieces[word] - 1) for word in best)


def _coded(tokenizer: Any, texts: Sequence[str]) -> Iterator[list[int]]:
    waiting = iter(texts)
    while batch := list(islice(waiting, _BATCH)):
        yield from _ids(tokenizer, batch)


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    found: list[list[int]] = tokenizer(
        texts, add_special_tokens=False, split_special_tokens=True, verbose=False
    )["input_ids"]
    return found


def _entropy(counts: Counter[int]) -> float:
    """Nats a token."""
    if not counts:
        return 0.0
    share = np.sort(np.fromiter(counts.values(), float)) / sum(counts.values())
    return float(-(share * np.log(share)).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
