"""Byte-pair encoding where words cannot be looked up whole: new words by merges after all old ones.

A new word is merged from the pieces that it had, in a chain that ends in the word. Such merges come last in
priority, so old ones do what they did; but other words that hold the same pieces side by side have a token
less then. Where the entries of words end in a suffix ("low</w>") chains go from the end, so that what a chain
passes through can only end words; otherwise they go from the beginning.

What a chain passes through needs entries too. A later word that holds them goes on from there, so that
"lymphocyte" and "lymphocytes" share their chain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.extending.known import Known
from tokenizer_training.extending.mechanism import (
    CHANGES_DERIVED,
    CHANGES_KEPT,
    ENTRY_ALREADY,
    NOT_OF_PIECES,
)

_BATCH = 10_000
Pair = tuple[str, str]


class Chains:
    """A BPE vocabulary that grows by merges of lower priority than all before."""

    name = "merges of BPE"
    promise = "a word in which no two pieces stand together that a new merge joins keeps its ids"

    def __init__(self, model: Mapping[str, Any], base: Tokenizer, known: Known) -> None:
        self._model = model
        self._known = known
        self._bare = Tokenizer(base.model)
        self._prefix: str = model.get("continuing_subword_prefix") or ""
        self._suffix: str = model.get("end_of_word_suffix") or ""
        old = [_as_pair(merge) for merge in model["merges"]]
        self._ranks = {pair: rank for rank, pair in enumerate(old)}
        self._merges: list[Pair] = []
        self._entries = set(model["vocab"])
        self._kept = set(known.kept)
        self._added: set[str] = set()
        self._made_of: dict[str, list[str]] = {}
        self._cuts: dict[str, list[str]] = {}
        self._holders: defaultdict[Pair, set[str]] = defaultdict(set)
        for word, pieces in self._cut_all(chain(known.corpus, known.kept)):
            self._remember(word, pieces)

    def _cut_all(self, words: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
        while batch := list(islice(words, _BATCH)):
            for word, encoding in zip(batch, self._bare.encode_batch(batch), strict=True):
                yield word, encoding.tokens

    def _remember(self, word: str, pieces: list[str]) -> None:
        self._cuts[word] = pieces
        for pair in pairwise(pieces):
            self._holders[pair].add(word)

    def pieces(self, word: str) -> list[str]:
        if word not in self._cuts:
            self._remember(word, self._settle(self._bare.encode(word).tokens))
        return self._cuts[word]

    def _settle(self, pieces: Sequence[str]) -> list[str]:
        """All merges done, the first in priority first, from the left."""
        found = list(pieces)
        while True:
            ranked = [
                (self._ranks.get(p, len(self._ranks)), at) for at, p in enumerate(pairwise(found))
            ]
            rank, at = min(ranked, default=(len(self._ranks), 0))
            if rank == len(self._ranks):
                return found
            found[at : at + 2] = [self._joined((found[at], found[at + 1]))]

    def _joined(self, pair: Pair) -> str:
        return pair[0] + pair[1].removeprefix(self._prefix)

    def objection(self, word: str) -> str | None:
        """Whether its chain would change words that should keep their ids."""
        if word + self._suffix in self._entries:
            return ENTRY_ALREADY
        pieces = self.pieces(word)
        if self._spelled(pieces) != word + self._suffix:
            return NOT_OF_PIECES
        others = set[str]().union(*(self._holders[pair] for pair in self._chain(pieces)))
        others -= {word} | self._added
        if not others.isdisjoint(self._kept):
            return CHANGES_KEPT
        return CHANGES_DERIVED if others and self._known.derived == "same" else None

    def _spelled(self, pieces: Sequence[str]) -> str:
        """What the pieces make together: another word where some are bytes or unknown."""
        return pieces[0] + "".join(piece.removeprefix(self._prefix) for piece in pieces[1:])

    def _chain(self, pieces: Sequence[str]) -> Iterator[Pair]:
        """The pairs to merge, one after the other."""
        rest = list(pieces)
        while len(rest) > 1:
            at = len(rest) - 2 if self._suffix else 0
            pair = (rest[at], rest[at + 1])
            yield pair
            rest[at : at + 2] = [self._joined(pair)]

    def add(self, word: str) -> dict[str, list[str]]:
        new: dict[str, list[str]] = {}
        while pair := next(self._chain(self.pieces(word)), None):
            self._ranks[pair] = len(self._ranks)
            self._merges.append(pair)
            entry = self._joined(pair)
            if entry not in self._entries:
                self._entries.add(entry)
                self._made_of[entry] = [
                    old for part in pair for old in self._made_of.get(part, [part])
                ]
                new[entry] = self._made_of[entry]
            self._cut_again(pair)
        self._added.add(word)
        return {**new, word + self._suffix: list(self._bare.encode(word).tokens)}

    def _cut_again(self, pair: Pair) -> None:
        """The words that hold a pair that is merged from now on."""
        for word in sorted(self._holders.pop(pair)):
            before = self._cuts[word]
            for held in pairwise(before):
                self._holders[held].discard(word)
            self._remember(word, self._settle(before))

    def extended_model(self, ids: dict[str, int]) -> dict[str, Any]:
        old = self._model["merges"]
        is_text = bool(old) and isinstance(old[0], str)
        new = [" ".join(pair) if is_text else list(pair) for pair in self._merges]
        return {**self._model, "vocab": ids, "merges": [*old, *new]}


def _as_pair(merge: str | Sequence[str]) -> Pair:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
