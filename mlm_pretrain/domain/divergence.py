"""How unlike two texts are in their words: divergence of n-grams, and frequent words they share.

Both depend on the size of the texts, and neither is 0 for two halves of one text. So texts of equal size are
compared, and what two halves of the domain's own text give stands beside as the level of noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mlm_pretrain.domain.overlap.letters import words_of
from mlm_pretrain.domain.sampling import halves

Counts = Counter[Any]


def compare_words(domain: Sequence[str], general: Sequence[str], top_words: int) -> dict[str, Any]:
    """Divergences and shared words of two texts, each with its level of noise.

    Args:
        domain, general: texts in an order by chance.
        top_words: how many of the most frequent words are compared.

    Returns:
        `words` of each part compared; `unigrams` and `bigrams`: `bits` between domain and general text
        and `noise` between halves of the domain text; `top`: the `count` compared, the `shared` part of
        them, and that part between halves, `shared_within`.
    """
    first, second = (list(map(_words, half)) for half in halves(domain))
    other = list(map(_words, general))
    size = min(sum(map(len, texts)) for texts in (first, second, other))
    first, second, other = (first_words(texts, size) for texts in (first, second, other))
    found: dict[str, Any] = {"words": size}
    for name, count in (("unigrams", unigrams), ("bigrams", bigrams)):
        own = count(first)
        found[name] = {
            "bits": divergence(own, count(other)),
            "noise": divergence(own, count(second)),
        }
    counts = [unigrams(texts) for texts in (first, other, second)]
    top = min([top_words, *map(len, counts)])
    shared, within = (shared_top(counts[0], counts[n], top) for n in (1, 2))
    return {**found, "top": {"count": top, "shared": shared, "shared_within": within}}


def divergence(first: Counts, second: Counts) -> float:
    """Jensen–Shannon divergence of two distributions given by counts, in bits: 0 (equal) to 1 (disjoint).

    The mean of the Kullback–Leibler divergences from each to their mean (Lin 1991, "Divergence measures
    based on the Shannon entropy"). Their mean is nowhere 0 where one of them is not, so that nothing needs
    smoothing. Over unigrams it ranks domains as adaptation finds them (Plank & van Noord 2011; Ruder &
    Plank 2017).
    """
    keys = first.keys() | second.keys()
    if not first or not second:
        return 0.0 if not keys else 1.0
    p, q = (np.fromiter((side[key] for key in keys), float, len(keys)) for side in (first, second))
    p, q = p / p.sum(), q / q.sum()
    mean = (p + q) / 2
    # Summed in order of size: the order of a set of words is another in each process.
    terms = np.sort(_terms(p, mean) + _terms(q, mean))
    return float(min(1.0, max(0.0, terms.sum() / 2)))


def shared_top(first: Counts, second: Counts, count: int) -> float:
    """Share of the `count` most frequent words of one text among those of the other, stop words included.

    Source: Gururangan et al. 2020, "Don't stop pretraining", figure 2 (there without stop words).
    """
    return len(set(top(first, count)) & set(top(second, count))) / count if count else 1.0


def top(counts: Counter[str], count: int) -> list[str]:
    """The most frequent words, equally frequent ones by the alphabet."""
    return sorted(counts, key=lambda word: (-counts[word], word))[:count]


def unigrams(texts: Iterable[Sequence[str]]) -> Counts:
    """How often each word stands in the texts."""
    return Counter(word for words in texts for word in words)


def bigrams(texts: Iterable[Sequence[str]]) -> Counts:
    """How often each two words stand side by side in a text."""
    return Counter(pair for words in texts for pair in pairwise(words))


def first_words(texts: Iterable[list[str]], size: int) -> list[list[str]]:
    """The first `size` words, text by text."""
    kept: list[list[str]] = []
    for words in texts:
        if size <= 0:
            break
        kept.append(words[:size])
        size -= len(words)
    return kept


def _words(text: str) -> list[str]:
    return [word for word in words_of(text) if word]


def _terms(p: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """p · log₂(p / mean), 0 where p is."""
    is_there = p > 0
    ratio = np.divide(p, mean, out=np.ones_like(p), where=is_there)
    found: np.ndarray = p * np.log2(ratio)
    return found
