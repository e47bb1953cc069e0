"""Text → ids by a dictionary of words, exactly as the library would code it.

Most of the time of a tokenizer goes into words it has seen a thousand times. Where it always cuts
at blanks (see `separation`), the ids of a text are those of its words joined, and a dictionary from
word to the bytes of its ids does in one lookup what the model does in a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from mlm_pretrain.packing.library import LETTER, LibraryEncoder
from mlm_pretrain.packing.separation import BLANKS, Separator, byte_classes, piece_pattern

# Pieces remembered before the cache starts afresh, and their length together: about 150 MB.
MOST_PIECES = 500_000
MOST_CHARACTERS = 16_000_000
_POINT = ","
_BLANK_SET = frozenset(BLANKS)


class WordCache:
    """Every distinct word through the library once, in bounded memory.

    Texts are cut into pieces: a word with the blanks before it or, where the tokenizer cuts at
    punctuation too, a part of a word. Numpy finds the cuts on bytes and Arrow numbers the distinct
    pieces, so that Python sees each only once a batch. Where a piece ends in a blank (one beyond
    ASCII, or the end of the text) the next cut is not one the tokenizer would make: such a text is
    cut again by a pattern that keeps the doubtful places together.
    """

    name = "word cache"

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any], separator: Separator) -> None:
        self._library = LibraryEncoder(tokenizer, dtype)
        self._classes = byte_classes(separator)
        self._pattern = piece_pattern(separator)
        inside = self._library.encode_inside
        self._prefix = {before: len(inside([" " + before])[0]) for before in (LETTER, _POINT)}
        self._pieces: dict[str, bytes] = {}  # inside a text
        self._openings: dict[str, bytes] = {}  # at its start
        self._characters = 0

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Bytes of the ids of each text."""
        raw = [text.encode() for text in texts]
        stops = np.cumsum([0, *map(len, raw)])
        content = np.frombuffer(b"".join(raw), dtype=np.uint8)
        cuts = self._find_cuts(content, stops)
        firsts = np.searchsorted(cuts, stops)
        openings = [
            text[: cuts[first + 1] - cuts[first]].decode() if text else ""
            for text, first in zip(raw, firsts.tolist(), strict=False)
        ]
        rests = self._encode_rests(content, cuts, firsts)
        self._learn_openings([opening for opening in openings if _is_whole(opening)])
        coded = [
            self._openings[opening] + rest
            if rest is not None and _is_whole(opening)
            else self._encode_doubtful(text)
            for text, opening, rest in zip(texts, openings, rests, strict=True)
        ]
        self._forget()
        return coded

    def _find_cuts(self, content: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Where texts stop and, between, the bytes in front of which the tokenizer cuts."""
        at_blank, blank, kind = (table[content] for table in self._classes)
        is_cut = np.zeros(len(content) + 1, dtype=bool)
        # Kinds are 1 for letters and digits, 2 for punctuation, 0 for what is left in one piece.
        is_cut[1:-1] = (at_blank[1:] & ~blank[:-1]) | ((kind[1:] ^ kind[:-1]) == 3)
        is_cut[stops] = True
        return np.flatnonzero(is_cut)

    def _encode_rests(
        self, content: np.ndarray, cuts: np.ndarray, firsts: np.ndarray
    ) -> list[bytes | None]:
        """Ids of texts without their first piece; None where a piece ends in a blank."""
        count = len(cuts) - 1
        buffers = [None, pa.py_buffer(cuts.astype(np.int64)), pa.py_buffer(content)]
        pieces = pa.Array.from_buffers(pa.large_string(), count, buffers)
        numbered = pieces.dictionary_encode()
        index = numbered.indices.to_numpy()
        inside = np.ones(count + 1, dtype=bool)
        inside[firsts] = False
        inside = inside[:count]
        coded = self._look_up(numbered.dictionary.to_pylist(), index[inside])
        sizes = np.array([-1 if ids is None else len(ids) for ids in coded], dtype=np.int64)
        sizes //= self._library.dtype.itemsize  # -1 stays -1: not known
        counts = np.where(inside, sizes[index], 0)
        unknown = np.concatenate([[0], np.cumsum(counts < 0)])[firsts]
        counts = np.maximum(counts, 0)
        flat = np.frombuffer(b"".join(filter(None, coded)), dtype=self._library.dtype)
        ids = _gather(flat, np.cumsum(np.maximum(sizes, 0))[index], counts)
        ends = np.concatenate([[0], np.cumsum(counts)])[firsts].tolist()
        known = (np.diff(unknown) == 0).tolist()
        return [
            ids[start:end].tobytes() if whole else None
            for (start, end), whole in zip(pairwise(ends), known, strict=True)
        ]

    def _look_up(self, pieces: list[str], used: np.ndarray) -> list[bytes | None]:
        """Ids of each piece that is `used` inside a text and ends in no blank, else None."""
        coded = list(map(self._pieces.get, pieces))
        is_used = np.zeros(len(pieces), dtype=bool)
        is_used[used] = True
        new = [
            number
            for number in np.flatnonzero(is_used).tolist()
            if coded[number] is None and _is_whole(pieces[number])
        ]
        self._learn([pieces[number] for number in new])
        for number in new:
            coded[number] = self._pieces[pieces[number]]
        return coded

    def _learn(self, new: list[str]) -> None:
        """Learn pieces as they are coded behind what they follow: a word, a letter or a point."""
        spaced = [piece for piece in new if piece[0] in _BLANK_SET]
        self._remember(self._pieces, spaced, self._library.encode_inside(spaced))
        for before in (LETTER, _POINT):
            is_text = before == _POINT  # letters follow a point, points follow a letter
            parts = [p for p in new if p[0] not in _BLANK_SET and p[0].isalnum() is is_text]
            coded = self._library.encode_inside([f" {before}{part}" for part in parts])
            self._remember(self._pieces, parts, [ids[self._prefix[before] :] for ids in coded])

    def _learn_openings(self, openings: Sequence[str]) -> None:
        new = list(set(openings).difference(self._openings))
        self._remember(self._openings, new, self._library.encode(new))

    def _encode_doubtful(self, text: str) -> bytes:
        """Ids of a text with blanks beyond ASCII or at its end."""
        body = text.rstrip(BLANKS)
        opening, *pieces = self._pattern.findall(body) or [""]
        if not pieces:
            return self._library.encode([text])[0]
        last = pieces.pop() + text[len(body) :]
        self._learn_openings([opening])
        self._learn(list(set(pieces).difference(self._pieces)))
        inner = b"".join(map(self._pieces.__getitem__, pieces))
        return self._openings[opening] + inner + self._library.encode_last(last)

    def _remember(self, cache: dict[str, bytes], keys: list[str], coded: list[bytes]) -> None:
        cache.update(zip(keys, coded, strict=True))
        self._characters += sum(map(len, keys))

    def _forget(self) -> None:
        """Keep memory bounded. Forgetting costs time alone: everything can be learnt again."""
        held = len(self._pieces) + len(self._openings)
        if held > MOST_PIECES or self._characters > MOST_CHARACTERS:
            self._characters = 0
            self._pieces.clear()
            self._openings.clear()


def _gather(flat: np.ndarray, ends: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Concatenate `flat[end - count : end]` for every pair of `ends` and `counts`."""
    offsets = ends - np.cumsum(counts)
    return flat[np.repeat(offsets, counts) + np.arange(int(counts.sum()))]


def _is_whole(piece: str) -> bool:
    """Whether the tokenizer surely cuts behind this piece where `separation` says it may."""
    return bool(piece) and piece[-1] not in _BLANK_SET
