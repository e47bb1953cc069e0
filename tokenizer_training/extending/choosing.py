"""Which words become entries: those that save most tokens, one after the other."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from tokenizer_training.extending.base import Base
from tokenizer_training.extending.config import ExtendConfig
from tokenizer_training.extending.counting import WordCounts
from tokenizer_training.extending.mechanism import ENTRY_ALREADY, Mechanism
from tokenizer_training.extending.noise import why_noise


@dataclass(frozen=True, slots=True)
class NewWord:
    """A word that becomes an entry.

    Attributes:
        saving: tokens of the corpus that it saved when it was chosen, beyond the words chosen before it.
        entries: what was added for it, the word itself last, each with the old entries that it is made of.
    """

    word: str
    count: int
    saving: int
    entries: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The new words, the most saving first; and how many distinct words were left out, by reason."""

    words: list[NewWord]
    left_out: dict[str, int]


def choose(
    base: Base,
    found: WordCounts,
    mechanism: Mechanism,
    words: int,
    config: ExtendConfig,
    limit_to: Collection[str] | None = None,
) -> Choice:
    """Take in up to `words` words, each time the one that then saves most; ties by the text.

    A word saves (tokens it is made of − 1) × occurrences, with all words taken in before. One that holds
    unknown characters is worth a token an occurrence at least: it can be read at last.

    Args:
        limit_to: the only words that may be taken, as the tokenizer's normaliser leaves them.
    """
    left_out = Counter({"asked_for_and_not_there": _missing(base, found, limit_to)})
    queue = list(_candidates(base, found, config, limit_to, left_out))
    worth = _Worth(base, found, mechanism)
    heap = [(-worth(word), word) for word in queue]
    heapq.heapify(heap)
    taken: list[NewWord] = []
    waiting: dict[str, str] = {}
    while heap and len(taken) < words:
        negative, word = heapq.heappop(heap)
        now = worth(word)
        if now != -negative:
            heapq.heappush(heap, (-now, word))
        elif now <= 0:
            left_out["saves_nothing"] += 1
        elif reason := mechanism.objection(word):
            waiting[word] = reason
        else:
            taken.append(_take(word, found.words[word], mechanism))
            # What stood in their way may just have become a new word.
            for again in _beginnings(word, waiting):
                del waiting[again]
                heapq.heappush(heap, (-worth(again), again))
    left_out.update(Counter(waiting.values()))
    left_out["saves_less"] += len(heap)
    return Choice(taken, {reason: n for reason, n in sorted(left_out.items()) if n})


def _take(word: str, count: int, mechanism: Mechanism) -> NewWord:
    saving = (len(mechanism.pieces(word)) - 1) * count
    return NewWord(word, count, saving, mechanism.add(word))


class _Worth:
    """What a word is worth with the words taken in so far, in tokens of the corpus."""

    def __init__(self, base: Base, found: WordCounts, mechanism: Mechanism) -> None:
        self._unknown = None if base.unknown is None else base.tokenizer.id_to_token(base.unknown)
        self._counts = found.words
        self._mechanism = mechanism

    def __call__(self, word: str) -> int:
        pieces = self._mechanism.pieces(word)
        is_unknown = self._unknown in pieces
        return max(len(pieces) - 1, int(is_unknown)) * self._counts[word]


def _candidates(
    base: Base,
    found: WordCounts,
    config: ExtendConfig,
    limit_to: Collection[str] | None,
    left_out: Counter[str],
) -> Iterator[str]:
    """The words that could be entries, of the frequent ones; counts the others by reason."""
    frequent = [word for word, count in found.words.items() if count >= config.min_count]
    left_out["rare"] += len(found.words) - len(frequent)
    bare, unknown = Tokenizer(base.tokenizer.model), base.unknown
    for word, encoding in zip(frequent, bare.encode_batch(frequent), strict=True):
        is_whole = len(encoding.ids) == 1 and encoding.ids[0] != unknown
        if is_whole or word in base.vocabulary:
            left_out[ENTRY_ALREADY] += 1
        elif found.documents[word] < config.min_documents:
            left_out["in_few_documents"] += 1
        elif reason := why_noise(base.readable(word)):
            left_out[reason] += 1
        elif limit_to is not None and base.readable(word) not in limit_to:
            left_out["not_asked_for"] += 1
        else:
            yield word


def _missing(base: Base, found: WordCounts, limit_to: Collection[str] | None) -> int:
    """How many of the words asked for the text does not have."""
    if limit_to is None:
        return 0
    return len(set(limit_to).difference(map(base.readable, found.words)))


def _beginnings(word: str, waiting: Collection[str]) -> list[str]:
    return [word[:end] for end in range(1, len(word)) if word[:end] in waiting]
