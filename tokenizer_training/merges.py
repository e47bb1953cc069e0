"""Learning byte-pair merges from word counts.

Plain byte-pair encoding (Sennrich et al., 2016) is the one trainer of the tokenizers library whose
result does not depend on the order of a hash table, so every merge-based vocabulary here is learned
by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SEPARATOR = "\n"
_BLOCK_CHARACTERS = 1 << 16


@dataclass(frozen=True, slots=True)
class Merges:
    """Pairs in order of priority, and the new entries they make, each once, in that order."""

    pairs: list[tuple[str, str]]
    entries: list[str]


def learn_merges(
    words: Mapping[str, int], alphabet: Sequence[str], entries: int, min_frequency: int
) -> Merges:
    """Learn merges over `words` until they have made `entries` new entries.

    Args:
        words: occurrences of each word, in sorted order; no word holds a line break.
        alphabet: every character that occurs (more are allowed).
        entries: new entries wanted; fewer come back when the words run out of pairs.
        min_frequency: the least occurrences of a pair that is merged.
    """
    if entries <= 0 or not words:
        return Merges([], [])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(SEPARATOR)
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + entries,
        min_frequency=min_frequency,
        initial_alphabet=list(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_repeat(words), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pairs = [(left, right) for left, right in model["merges"]]
    made = dict.fromkeys(left + right for left, right in pairs)
    return Merges(pairs, list(made))


def _repeat(words: Mapping[str, int]) -> Iterator[str]:
    """Every word as often as it occurs, in blocks of bounded length.

    The trainer takes no counts. It reads repeated words at 10 MB/s and more, much faster than the
    text they come from, as there is nothing left to normalise.
    """
    for word, count in words.items():
        unit = word + SEPARATOR
        block = max(1, _BLOCK_CHARACTERS // len(unit))
        for done in range(0, count, block):
            yield unit * min(block, count - done)
