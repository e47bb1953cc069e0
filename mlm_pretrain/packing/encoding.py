"""Which way text becomes ids: through the library, or through the word cache where that is exact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.packing.library import LibraryEncoder, open_tokenizer
from mlm_pretrain.packing.separation import find_separator
from mlm_pretrain.packing.wordcache import WordCache

_CHECKED_CHARACTERS = 2000


class Encoder(Protocol):
    """Texts → the bytes of their ids, without start and end tokens."""

    name: str

    def encode(self, texts: Sequence[str]) -> list[bytes]: ...


def choose_encoder(
    content: str, dtype: np.dtype[Any], sample: Sequence[str], word_cache: bool = True
) -> Encoder:
    """The word cache if the tokenizer allows it and codes `sample` as the library does.

    Args:
        content: the tokenizer.json as text.
        sample: texts of the corpus to compare on.
        word_cache: False asks for the library whatever the tokenizer allows.
    """
    library = LibraryEncoder(open_tokenizer(content), dtype)
    separator = find_separator(json.loads(content)) if word_cache else None
    if separator is None:
        return library
    cache = WordCache(open_tokenizer(content), dtype, separator)
    return cache if cache.encode(sample) == library.encode(sample) else library


class CheckedEncoder:
    """A word cache that compares the first words of every batch with the library's ids."""

    name = WordCache.name

    def __init__(self, content: str, dtype: np.dtype[Any]) -> None:
        separator = find_separator(json.loads(content))
        assert separator is not None, "chosen only for tokenizers that cut at blanks"
        self._cache = WordCache(open_tokenizer(content), dtype, separator)
        self._library = LibraryEncoder(open_tokenizer(content), dtype)

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Bytes of the ids of each text.

        Raises:
            InputError: where cache and library disagree, which would be a fault of `separation`.
        """
        start = texts[0][:_CHECKED_CHARACTERS]
        if self._cache.encode([start]) != self._library.encode([start]):
            raise InputError(
                f"the word cache codes the text {start[:80]!r}… unlike the tokenizer library",
                "prepare again with word_cache off (--no-word-cache), and please report this",
            )
        return self._cache.encode(texts)
