"""Words of a text as the tokenizer's own normaliser and pre-tokeniser see them, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlm_pretrain.corpus import Audit, read_corpus
from mlm_pretrain.progress import progress_bar
from tokenizer_training.algorithms import ALGORITHMS
from tokenizer_training.extending.base import Base
from tokenizer_training.extending.config import ExtendConfig
from tokenizer_training.sampling import WordSample

_NO_LIMIT = 1 << 40


@dataclass(frozen=True, slots=True)
class WordCounts:
    """What a text holds.

    Attributes:
        words: occurrences by word, sorted by word.
        documents: by word, the documents that it stands in; empty where nobody asked.
        counts: what was read, sampled and left out, by reason.
    """

    words: dict[str, int]
    documents: Mapping[str, int]
    counts: dict[str, Any]


def count_words(
    base: Base,
    corpus: Sequence[str],
    config: ExtendConfig,
    what: str,
    counts_documents: bool = False,
    counts_long_words: bool = False,
) -> WordCounts:
    """Count the words of `corpus`.

    Args:
        what: the text is for, shown beside the progress.
        counts_documents: also in how many documents each stands.
        counts_long_words: whatever their length.

    Raises:
        InputError: for a corpus that cannot be used, as `read_corpus`.
    """
    longest = _NO_LIMIT if counts_long_words else config.max_word_characters
    sample = WordSample(
        base.tokenizer, _chunks_of(base.content), config.sample_bytes, config.max_distinct_words,
        longest, config.seed, counts_documents=counts_documents,
    )  # fmt: skip
    audit = Audit()
    with progress_bar(None, "B", f"reading {what}", unit_scale=True) as bar:
        for document in read_corpus(corpus, config.reading, audit):
            bar.update(sample.add(document.text))
    words = sample.words()
    return WordCounts(words, sample.document_counts, {"corpus": audit.as_dict(), **sample.counts})


def _chunks_of(content: Mapping[str, Any]) -> Callable[[str], list[str]]:
    """Stretches that the pipeline of this tokenizer.json treats independently of each other.

    Equal ones are then cut once. Of a pipeline that is not known here, whole documents.
    """
    normalizer = (content.get("normalizer") or {}).get("type")
    cut = content.get("pre_tokenizer") or {}
    if cut.get("type") == "BertPreTokenizer" and normalizer in (None, "BertNormalizer"):
        # Other blanks than these may be dropped by the normaliser, and join what they stood between.
        return re.compile(r"[^ \t\n\r]+").findall
    is_plain = cut.get("use_regex", True) and not cut.get("add_prefix_space")
    if cut.get("type") == "ByteLevel" and is_plain and normalizer in (None, "NFC"):
        return ALGORITHMS["byte-bpe"].chunks
    return _whole


def _whole(text: str) -> list[str]:
    return [text]
