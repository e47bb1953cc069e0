"""Word counts of a bounded sample of a corpus of any size, read once.

Whole documents are sampled: each gets a level, a geometric random number made of the seed and its
position in the corpus. While the documents kept hold more bytes than allowed, the lowest level is
thrown away and no longer accepted, which halves the sample. What remains is an even sample over
everything that was read, between half the allowed bytes and all of them, and equal for equal input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import xxhash
from tokenizers import Tokenizer

# A longer stretch without white space is cut into words at once, so that what waits in the counters
# is short: a language written without spaces, or data that is no language.
_LONG_CHUNK_CHARACTERS = 200
# Text hashes kept to see duplicates; afterwards the share found so far stands.
_MAX_TEXT_HASHES = 1_000_000
_MAX_LEVEL = 30
# Short stretches whose words are remembered, where documents are cut at once.
_MAX_REMEMBERED = 200_000
# Bounds are looked at after this much text: summing over all levels at every line costs more than
# counting the line.
_CHECK_BYTES = 1 << 20


class WordSample:
    """Counts chunks and words of the documents that it is shown, within bounds on memory.

    Args:
        tokenizer: its normaliser and pre-tokeniser make words of text.
        chunks: cuts raw text into stretches that are independent of each other.
        sample_bytes: UTF-8 bytes of text kept at most (but always one level of documents).
        max_distinct_words: chunks and words held at most; the rarest are dropped beyond it.
        max_word_characters: longer words are dropped.
        seed: seed of the sample.
        word_length: characters of a word as the pre-tokeniser writes it, never more than `len`.
        counts_documents: also count in how many documents a word stands, for `document_counts`.

    Attributes:
        document_counts: once `words` was called, documents of the sample by word.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        chunks: Callable[[str], list[str]],
        sample_bytes: int,
        max_distinct_words: int,
        max_word_characters: int,
        seed: int = 0,
        word_length: Callable[[str], int] = len,
        counts_documents: bool = False,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.document_counts: Counter[str] = Counter()
        self._tokenizer = tokenizer
        self._chunks = chunks
        self._sample_bytes = sample_bytes
        self._max_distinct_words = max_distinct_words
        self._max_word_characters = max_word_characters
        self._seed = seed
        self._word_length = word_length
        self._counts_documents = counts_documents
        # Words of one document are told apart from the next one's only if it is cut at once.
        self._cut_later = 0 if counts_documents else _LONG_CHUNK_CHARACTERS
        self._remembered: dict[str, list[str]] = {}
        self._lowest = 0
        self._unchecked_bytes = 0
        self._levels: dict[int, _Level] = {}
        self._hashes: set[int] = set()

    def add(self, text: str) -> int:
        """Show one document; it is counted when the sample takes it. Returns its UTF-8 bytes."""
        position = self.counts["documents_read"]
        size = len(text.encode())
        self.counts["documents_read"] += 1
        self.counts["bytes_read"] += size
        self._note_duplicate(text)
        level = _draw_level(self._seed, position)
        if level >= self._lowest:
            kept = self._levels.setdefault(level, _Level())
            chunks, words = self._split(text)
            kept.add(size, chunks, words)
            if self._counts_documents:
                kept.holders.update(set(words))
            self._unchecked_bytes += size
            if self._unchecked_bytes >= _CHECK_BYTES:
                self._shrink()
        return size

    def words(self) -> dict[str, int]:
        """Occurrences of each word of the sample, sorted by word."""
        self._shrink()
        chunks: Counter[str] = Counter()
        words: Counter[str] = Counter()
        for level in self._levels.values():
            chunks.update(level.chunks)
            words.update(level.words)
            self.document_counts.update(level.holders)
            self.counts["documents_sampled"] += level.documents
            self.counts["bytes_sampled"] += level.bytes
        self._levels.clear()
        self._remembered.clear()
        words.update(self._drop_long(self._words_of(chunks)))
        self._prune([words])
        self.counts["words"] = sum(words.values())
        self.counts["distinct_words"] = len(words)
        return dict(sorted(words.items()))

    @property
    def duplicate_share(self) -> float:
        """Share of the documents examined whose text had been seen before."""
        examined = self.counts["documents_examined_for_duplicates"]
        return self.counts["duplicate_documents"] / examined if examined else 0.0

    def _note_duplicate(self, text: str) -> None:
        if len(self._hashes) >= _MAX_TEXT_HASHES:
            return
        self.counts["documents_examined_for_duplicates"] += 1
        digest = xxhash.xxh3_64_intdigest(text.encode())
        self.counts["duplicate_documents"] += digest in self._hashes
        self._hashes.add(digest)

    def _split(self, text: str) -> tuple[list[str], list[str]]:
        """Chunks to be cut into words later, and the words of overlong chunks."""
        chunks = self._chunks(text)
        if max(map(len, chunks), default=0) <= self._cut_later:
            return chunks, []
        short = [chunk for chunk in chunks if len(chunk) <= self._cut_later]
        long = [chunk for chunk in chunks if len(chunk) > self._cut_later]
        words = self._drop_long(Counter(word for chunk in long for word in self._cut_once(chunk)))
        return short, list(words.elements())

    def _cut_once(self, chunk: str) -> Iterable[str]:
        """The words of a chunk; those of a short one are remembered, for it comes again."""
        if len(chunk) > _LONG_CHUNK_CHARACTERS:
            return self._cut(chunk)
        if chunk not in self._remembered:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[chunk] = list(self._cut(chunk))
        return self._remembered[chunk]

    def _cut(self, chunk: str) -> Iterable[str]:
        normal = self._tokenizer.normalizer
        text = normal.normalize_str(chunk) if normal else chunk
        return (word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(text))

    def _words_of(self, chunks: Counter[str]) -> Counter[str]:
        words: Counter[str] = Counter()
        for chunk, count in chunks.items():
            for word in self._cut(chunk):
                words[word] += count
        return words

    def _drop_long(self, words: Counter[str]) -> Counter[str]:
        kept = Counter({word: count for word, count in words.items() if self._fits(word)})
        self.counts["words_too_long"] += sum(words.values()) - sum(kept.values())
        return kept

    def _fits(self, word: str) -> bool:
        limit = self._max_word_characters
        return len(word) <= limit or self._word_length(word) <= limit

    def _shrink(self) -> None:
        """Bring the sample back within its bounds."""
        self._unchecked_bytes = 0
        while self._too_many_bytes() and len(self._levels) > 1:
            del self._levels[min(self._levels)]
            self._lowest = min(self._levels)
        if self._distinct() > self._max_distinct_words:
            self._cut_waiting()
            self._prune([level.words for level in self._levels.values()])
        for level in self._levels.values():
            level.forget_holders()

    def _distinct(self) -> int:
        return sum(len(part) for level in self._levels.values() for part in level.parts)

    def _cut_waiting(self) -> None:
        """Make words of all chunks: where no spaces are written hardly a chunk comes twice, but words do."""
        for level in self._levels.values():
            level.words.update(self._drop_long(self._words_of(level.chunks)))
            level.chunks.clear()

    def _too_many_bytes(self) -> bool:
        return sum(level.bytes for level in self._levels.values()) > self._sample_bytes

    def _prune(self, parts: list[Counter[str]]) -> None:
        """Over the bound, drop the rarest until half of it is left: room for what comes next."""
        if sum(map(len, parts)) <= self._max_distinct_words:
            return
        rarest = 0
        while sum(map(len, parts)) > self._max_distinct_words // 2:
            rarest += 1
            for part in parts:
                dropped = [word for word, count in part.items() if count <= rarest]
                for word in dropped:
                    self.counts["rare_words_dropped"] += part.pop(word)


class _Level:
    """What the documents of one level hold."""

    def __init__(self) -> None:
        self.documents = 0
        self.bytes = 0
        self.chunks: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.holders: Counter[str] = Counter()

    @property
    def parts(self) -> tuple[Counter[str], Counter[str]]:
        return self.chunks, self.words

    def add(self, size: int, chunks: list[str], words: list[str]) -> None:
        self.documents += 1
        self.bytes += size
        self.chunks.update(chunks)
        self.words.update(words)

    def forget_holders(self) -> None:
        """Of words that were dropped."""
        for word in self.holders.keys() - self.words.keys():
            del self.holders[word]


def _draw_level(seed: int, position: int) -> int:
    """0 for half of the positions, 1 for a quarter, 2 for an eighth, and so on."""
    bits = xxhash.xxh3_64_intdigest(f"{seed}:{position}".encode())
    bits |= 1 << _MAX_LEVEL
    return (bits & -bits).bit_length() - 1
