"""A corpus read once beside the held-out texts, across its documents' borders, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from mlm_pretrain.corpus import Document
from mlm_pretrain.domain.overlap.index import Shared, TextIndex
from mlm_pretrain.domain.overlap.letters import spans_of, words_of
from mlm_pretrain.domain.overlap.rules import ALONE, WHOLE_WORDS

# Documents are looked at together: a file of lines has a sentence in two of them where it was wrapped.
_BLOCK_CHARACTERS = 1 << 18
# So much of the documents before stays in sight; what goes on after more than that counts by itself.
_CONTEXT_WORDS = 256
_LONGEST_ALONE_LINE = 40 * WHOLE_WORDS


class Place(NamedTuple):
    """Characters `start` to `end` of a document that hold what is `shared` with a text.

    What goes on over several documents has a place in each of them. Words of the text that are `new` stand
    in no place before as part of the same copy, so that a copy counts once.
    """

    start: int
    end: int
    shared: Shared
    new: range

    @property
    def is_first(self) -> bool:
        """Of the places of its copy."""
        return bool(self.new) and self.new.start == self.shared.first


Searched: TypeAlias = tuple[Document, list[Place]]


class _Piece(NamedTuple):
    """Words of a document (`holder`, its number among those held) from its word `first` on."""

    holder: int
    first: int
    words: list[str]


def scan(documents: Iterable[Document], index: TextIndex) -> Iterator[Searched]:
    """Every document in order, with the places in it that held-out texts share.

    What is held in memory is one block of documents and the few before it that stay in sight.
    """
    held: list[Searched] = []
    context: list[_Piece] = []
    before = fresh = size = 0
    for document in documents:
        held.append((document, _alone(document, index)))
        fresh, size = fresh + 1, size + len(document.text)
        if size >= _BLOCK_CHARACTERS:
            context, before = _search(held, context, fresh, index, before)
            done = context[0].holder if context else len(held)
            yield from held[:done]
            held = held[done:]
            context = [piece._replace(holder=piece.holder - done) for piece in context]
            fresh, size = 0, 0
    _search(held, context, fresh, index, before)
    yield from held


def _alone(document: Document, index: TextIndex) -> list[Place]:
    """Lines that are a short text and nothing else."""
    places: list[Place] = []
    if not index.alone:
        return places
    start = 0
    for line in document.text.split("\n"):
        if line and len(line) <= _LONGEST_ALONE_LINE:
            words = words_of(line)
            number = index.alone.get("".join(words))
            if number is not None:
                shared = Shared(number, 0, sum(map(bool, words)), 0, 0, 0, ALONE)
                places.append(Place(start, start + len(line), shared, range(shared.end)))
        start += len(line) + 1
    return places


def _search(
    held: list[Searched], context: list[_Piece], fresh: int, index: TextIndex, before: int
) -> tuple[list[_Piece], int]:
    """Add to each document held what is found in it; gives the words that stay in sight.

    Args:
        context: words of documents that were searched before.
        fresh: how many of the documents held, the last ones, were not.
        before: letters of the corpus that are out of sight; their number afterwards is returned too.
    """
    new = range(len(held) - fresh, len(held))
    pieces = [*context, *(_Piece(n, 0, words_of(held[n][0].text)) for n in new)]
    block = _Block(held, pieces)
    old_letters = block.ends[sum(len(piece.words) for piece in context)]
    for shared in index.find(block.letters, block.ends[:-1]):
        if shared.stop > old_letters:
            begins_before = shared.begin < old_letters
            block.note(shared._replace(shift=shared.shift - before), begins_before)
    tail = _tail(pieces)
    in_sight = sum(len(word) for piece in tail for word in piece.words)
    return tail, before + len(block.letters) - in_sight


class _Block:
    """Words of several documents one after the other.

    Attributes:
        letters: of all words.
        ends: where in the letters each word begins, and their number at the end.
    """

    def __init__(self, held: list[Searched], pieces: list[_Piece]) -> None:
        words = [word for piece in pieces for word in piece.words]
        self.letters = "".join(words)
        self.ends = list(accumulate(map(len, words), initial=0))
        self._held, self._pieces = held, pieces
        self._borders = list(accumulate((len(piece.words) for piece in pieces), initial=0))
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def note(self, shared: Shared, begins_before: bool) -> None:
        """Add what is shared to the documents that it is in, as characters of theirs.

        Args:
            begins_before: in documents that were searched before, where places with less of it may be.
        """
        parts = list(self._parts(shared))
        olds = [self._taken_back(holder, shared) if begins_before else None for holder, *_ in parts]
        shared, new = _with_what_was_known(shared, [old for old in olds if old])
        for (holder, start, end), old in zip(parts, olds, strict=True):
            start = min(start, old.start) if old else start
            self._held[holder][1].append(Place(start, end, shared, new))
            new = range(0)

    def _taken_back(self, holder: int, shared: Shared) -> Place | None:
        """A document's place that has the same copy as far as it was in sight; it is no place any more."""
        places = self._held[holder][1]
        copy = shared.text, shared.shift
        for place in places:
            old = place.shared
            if (old.text, old.shift) == copy and old.first < shared.end and shared.first < old.end:
                places.remove(place)
                return place
        return None

    def _parts(self, shared: Shared) -> Iterator[tuple[int, int, int]]:
        """(document, first character, the one behind the last) of what is shared."""
        first = bisect_left(self.ends, shared.begin)
        end = bisect_right(self.ends, shared.stop) - 1
        number = bisect_right(self._borders, first) - 1
        while first < end:
            stop = min(end, self._borders[number + 1])
            if first < stop:
                holder, begin, _ = self._pieces[number]
                spans, shift = self._spans_of(holder), begin - self._borders[number]
                yield holder, spans[first + shift][0], spans[stop - 1 + shift][1]
            first, number = stop, number + 1

    def _spans_of(self, holder: int) -> list[tuple[int, int]]:
        if holder not in self._spans:
            self._spans[holder] = spans_of(self._held[holder][0].text)
        return self._spans[holder]


def _with_what_was_known(shared: Shared, known: Sequence[Place]) -> tuple[Shared, range]:
    """All of a copy, and the words of it that are new once the places `known` are none any more."""
    if not known:
        return shared, range(shared.first, shared.end)
    not_kept = [place.new.start for place in known if place.new]
    whole = shared._replace(first=min(shared.first, *(place.shared.first for place in known)))
    return whole, range(min(not_kept, default=known[0].shared.end), shared.end)


def _tail(pieces: list[_Piece]) -> list[_Piece]:
    """The last words, with the documents that they are of."""
    kept: list[_Piece] = []
    room = _CONTEXT_WORDS
    for holder, first, words in reversed(pieces):
        if room <= 0:
            break
        cut = max(0, len(words) - room)
        kept.append(_Piece(holder, first + cut, words[cut:]))
        room -= len(words)
    return kept[::-1]
