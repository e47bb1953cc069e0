"""Sentences of documentation prose, and normal forms under which copies are recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator

import xxhash

_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\betc)[.!?](?=\s+[^a-z\s]|$)"
)
_WORD = re.compile(r"[^\W_]+")


def flatten(text: str) -> str:
    """`text` on one line, with single spaces."""
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """Sentences of a flattened text, each with its closing mark; the last may lack one."""
    found, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        found.append(text[start : end.end()].strip())
        start = end.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def normal_words(text: str) -> list[str]:
    """Lower-cased words and numbers: markup, punctuation and line breaks make no difference."""
    return _WORD.findall(text.lower())


def key(words: list[str]) -> int:
    """One number for a sequence of normal words."""
    return xxhash.xxh3_64_intdigest(" ".join(words).encode())


def sentence_keys(text: str, min_words: int) -> set[int]:
    """Keys of the sentences of `text` (flattened here) that have at least `min_words` words."""
    all_words = (normal_words(sentence) for sentence in sentences(flatten(text)))
    return {key(words) for words in all_words if len(words) >= min_words}


def ngram_keys(text: str, size: int) -> Iterator[int]:
    """Keys of all runs of `size` normal words of `text`."""
    words = normal_words(text)
    return (hash_run(words[i : i + size]) for i in range(len(words) - size + 1))


def hash_run(words: list[str]) -> int:
    """Equal for equal runs within one process: faster than `key`, never written anywhere."""
    return hash(tuple(words))
