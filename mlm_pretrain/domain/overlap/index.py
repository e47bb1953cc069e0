"""Held-out texts, so kept that what a corpus shares with them is found while the corpus is read once."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from mlm_pretrain.domain.overlap.letters import words_of
from mlm_pretrain.domain.overlap.rules import FEWEST_LETTERS, how_looked_for, reason_of
from mlm_pretrain.domain.overlap.sentences import sentence_ends
from mlm_pretrain.domain.overlap.texts import HeldOutText

_BETWEEN = "\n"  # is in no text's letters, so that nothing runs on into the next text


class Shared(NamedTuple):
    """Words `first` to `end` of text number `text`, which stand at letters `begin` to `stop` of a corpus.

    All that is shared with one copy of a text lies equally far (`shift`) before where the index has it.
    """

    text: int
    first: int
    end: int
    begin: int
    stop: int
    shift: int
    reason: str


class TextIndex:
    """Where in the held-out texts each stretch of `FEWEST_LETTERS` letters from the start of a word stands.

    About 120 bytes of memory a word of the texts. Of a stretch that several texts have the shortest is
    remembered, which is found whole; the longer one is found by what it has beside.

    Attributes:
        texts: as given.
        ways: of each, how it is looked for (see `rules.how_looked_for`).
        alone: letters of the texts that count on a line of their own alone, and their numbers.
    """

    def __init__(self, texts: Sequence[HeldOutText]) -> None:
        self.texts = list(texts)
        self.ways: list[str] = []
        self.alone: dict[str, int] = {}
        words = [[word for word in words_of(held.text) if word] for held in self.texts]
        for number, of_text in enumerate(words):
            self.ways.append(how_looked_for(len(of_text), sum(map(len, of_text))))
            if self.ways[-1] == "alone":
                self.alone.setdefault("".join(of_text), number)
        inside = [number for number, way in enumerate(self.ways) if way == "inside"]
        self._order = sorted(inside, key=lambda number: len(words[number]))
        self._sentences = {n: _sentence_starts(self.texts[n].text) for n in inside}
        self._join([words[number] for number in self._order])

    def _join(self, texts: list[list[str]]) -> None:
        """The letters of all texts one behind the other, and the places of their words."""
        self._letters = _BETWEEN.join(map("".join, texts))
        self._starts, self._ends = array("q"), array("q")
        self._first_words = array("q")
        self._places: dict[int, int] = {}
        begin = 0
        for words in texts:
            self._first_words.append(len(self._starts))
            ends = list(accumulate(map(len, words), initial=begin))
            self._starts.extend(ends[:-1])
            self._ends.extend(ends[1:])
            for start in ends[:-1]:
                if start + FEWEST_LETTERS <= ends[-1]:
                    self._places.setdefault(self._key(self._letters, start), start)
            begin = ends[-1] + len(_BETWEEN)

    def words(self, number: int) -> int:
        """Of text `number`, which is looked for inside others."""
        return self._sentences[number][-1]

    @staticmethod
    def _key(letters: str, start: int) -> int:
        return hash(letters[start : start + FEWEST_LETTERS])

    def find(self, letters: str, starts: Sequence[int]) -> Iterator[Shared]:
        """What a corpus has in common with the texts, as far as it counts (see `rules`).

        Args:
            letters: of the corpus, or of a part of it.
            starts: where its words begin, in order.
        """
        places = self._places
        seen: dict[
            int, int
        ] = {}  # by how far it lies from where the texts have it: a stretch's end
        for start in starts:
            place = places.get(hash(letters[start : start + FEWEST_LETTERS]))
            # The words of one stretch all lead to it.
            if place is None or start < seen.get(place - start, 0):
                continue
            begin, stop = self._widest(letters, start, place)
            seen[place - start] = stop
            if stop - begin >= FEWEST_LETTERS and (
                found := self._judge(begin, stop, place - start)
            ):
                yield found

    def _widest(self, letters: str, start: int, place: int) -> tuple[int, int]:
        """The stretch of `letters` around `start` that the texts have around `place`."""
        own, shift = self._letters, place - start
        begin = start
        while begin > 0 and begin + shift > 0 and letters[begin - 1] == own[begin + shift - 1]:
            begin -= 1
        stop, limit = start, min(len(letters), len(own) - shift)
        while stop < limit and letters[stop] == own[stop + shift]:
            stop += 1
        return begin, stop

    def _judge(self, begin: int, stop: int, shift: int) -> Shared | None:
        """The whole words of a text between two letters of a corpus, if they count."""
        first = bisect_left(self._starts, begin + shift)
        end = bisect_right(self._ends, stop + shift)
        if first >= end:
            return None
        place = bisect_right(self._first_words, first) - 1
        number, before = self._order[place], self._first_words[place]
        sentences = self._sentences[number]
        reason = reason_of(first - before, end - before, sentences[-1], sentences)
        if not reason:
            return None
        borders = self._starts[first] - shift, self._ends[end - 1] - shift
        return Shared(number, first - before, end - before, *borders, shift, reason)


def _sentence_starts(text: str) -> list[int]:
    """Words at which the sentences of `text` begin, and their number at the end."""
    starts, begin, words = [0], 0, 0
    for end in [*sentence_ends(text), len(text)]:
        words += sum(map(bool, words_of(text[begin:end])))
        begin = end
        if words > starts[-1]:
            starts.append(words)
    return starts
