"""The tokenizer library: whole texts, and words as they would be coded inside a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

# Words given to the library as one text: every call has its price.
_GROUP = 256
# Words are coded behind a letter, so that the library does not take them for the start of a text.
LETTER = "a"


def open_tokenizer(content: str) -> Tokenizer:
    """The tokenizer of a tokenizer.json, reading special tokens in the text as plain text."""
    tokenizer = Tokenizer.from_str(content)
    tokenizer.encode_special_tokens = True
    return tokenizer


class LibraryEncoder:
    """Every text through the library."""

    name = "library"

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any]) -> None:
        self.tokenizer = tokenizer
        self.dtype = dtype
        self._letter = self.encode([LETTER])[0]

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Bytes of the ids of each text, without start and end tokens."""
        encodings = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, dtype=self.dtype).tobytes() for encoding in encodings]

    def encode_inside(self, pieces: Sequence[str]) -> list[bytes]:
        """Bytes of the ids of pieces that stand inside a text.

        Each piece starts where the tokenizer cuts and does not end in a blank (see `separation`).
        Many are coded as one text, which is then shared out by the places its tokens come from.
        """
        groups = [pieces[i : i + _GROUP] for i in range(0, len(pieces), _GROUP)]
        texts = [LETTER + "".join(group) for group in groups]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        coded: list[bytes] = []
        for group, encoding in zip(groups, encodings, strict=True):
            coded.extend(self._share_out(group, encoding) or map(self.encode_last, group))
        return coded

    def _share_out(self, group: Sequence[str], encoding: Encoding) -> list[bytes]:
        """Ids by piece; nothing where tokens do not follow each other as their places do."""
        starts = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
        ends = np.cumsum([len(LETTER), *map(len, group)])
        if np.any(np.diff(starts) < 0):
            return []
        cuts = np.searchsorted(starts, ends) * self.dtype.itemsize
        ids = np.array(encoding.ids, dtype=self.dtype).tobytes()
        return [ids[start:end] for start, end in pairwise(cuts.tolist())]

    def encode_last(self, piece: str) -> bytes:
        """Bytes of the ids of a piece that ends a text, trailing blanks included."""
        return self.encode([LETTER + piece])[0].removeprefix(self._letter)
