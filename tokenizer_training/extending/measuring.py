"""What an extension saves on a text, and which words of it changed: the old model beside the new one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from tokenizers import Encoding, Tokenizer

_BATCH = 10_000


def measure(
    words: Mapping[str, int],
    before: Tokenizer,
    after: Tokenizer,
    unknown: int | None,
    new: Collection[str],
) -> dict[str, Any]:
    """Code every distinct word by both models.

    Args:
        words: occurrences by word, as the pre-tokeniser writes it.
        unknown: id of the unknown token.
        new: the words that became entries.

    Returns:
        - `words`, and of `before` and `after`: `tokens`, `fertility` (tokens a word), `unknown` tokens
        - `saved_share`: of the tokens
        - `new_words`: occurrences of words that became entries
        - `other_words_changed`: of all other words those with other ids, `distinct` and `occurrences`, how
          many distinct ones are `longer` now, and `examples`, the most frequent first
    """
    totals = {"before": _Total(), "after": _Total()}
    changed: list[tuple[int, str]] = []
    longer = 0
    for word, old, now in _coded(words, before, after):
        totals["before"].add(old.ids, words[word], unknown)
        totals["after"].add(now.ids, words[word], unknown)
        if old.ids != now.ids and word not in new:
            changed.append((-words[word], word))
            longer += len(now.ids) > len(old.ids)
    count = sum(words.values())
    old_tokens, new_tokens = totals["before"].tokens, totals["after"].tokens
    return {
        "words": count,
        **{name: total.figures(count) for name, total in totals.items()},
        "saved_share": round(1 - new_tokens / old_tokens, 6) if old_tokens else 0.0,
        "new_words": sum(words.get(word, 0) for word in new),
        "other_words_changed": {
            "distinct": len(changed),
            "occurrences": -sum(negative for negative, _ in changed),
            "longer": longer,
            "examples": [word for _, word in sorted(changed)[:10]],
        },
    }


class _Total:
    def __init__(self) -> None:
        self.tokens = self.unknown = 0

    def add(self, ids: list[int], count: int, unknown: int | None) -> None:
        self.tokens += len(ids) * count
        self.unknown += ids.count(unknown) * count if unknown is not None else 0

    def figures(self, words: int) -> dict[str, Any]:
        fertility = round(self.tokens / words, 6) if words else 0.0
        return {"tokens": self.tokens, "fertility": fertility, "unknown": self.unknown}


def _coded(
    words: Mapping[str, int], before: Tokenizer, after: Tokenizer
) -> Iterator[tuple[str, Encoding, Encoding]]:
    every = iter(words)
    models = [Tokenizer(before.model), Tokenizer(after.model)]
    while batch := list(islice(every, _BATCH)):
        yield from zip(batch, *(model.encode_batch(batch) for model in models), strict=True)
