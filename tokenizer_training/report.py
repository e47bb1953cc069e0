"""How well a tokenizer suits a text: figures that can be compared across algorithms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer

from mlm_pretrain.corpus import ReadOptions, read_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import track
from mlm_pretrain.words import RUN
from tokenizer_training.folder import TOKENIZER_FILE

_BATCH_DOCUMENTS = 64
_SPACE = re.compile(r"\s+")
EXACT = "exact text"
NORMALISED = "normalised text"
NO_SPACE = "normalised text without white space"


@dataclass(slots=True)
class _Tally:
    documents: int = 0
    bytes: int = 0
    tokens: int = 0
    unknown: int = 0
    words: int = 0
    plain_words: int = 0
    whole: int = 0
    round_trips: int = 0
    ids: set[int] = field(default_factory=set)


def report_tokenizer(
    tokenizer: str | Path,
    corpus: Sequence[str],
    reading: ReadOptions | None = None,
    limit_documents: int | None = None,
) -> dict[str, Any]:
    """Measure a tokenizer on the first documents of a corpus. Special tokens are not counted.

    Args:
        tokenizer: a folder with a tokenizer.json, or that file.
        corpus: text, as `read_corpus` takes it; best text that the tokenizer was not trained on.
        reading: how the corpus is read.
        limit_documents: documents to measure; None for all.

    Returns:
        - `documents`, `bytes` (UTF-8), `words` (separated by white space), `tokens`
        - `fertility`: tokens a word
        - `bytes_per_token`
        - `unknown_rate`: share of the tokens that are unknown
        - `words_whole`: share of the runs of letters (with their marks) and digits that are one token
        - `vocabulary_used`: share of the entries that occur
        - `round_trip_rate`: share of the documents that decode to what `round_trip_compares` names

    Raises:
        InputError: when there is no tokenizer.json, or the corpus cannot be used.
    """
    loaded = load_tokenizer(tokenizer)
    unknown = find_unknown(loaded)
    compares = _what_returns(loaded)
    tally = _Tally()
    documents = read_corpus(corpus, reading or ReadOptions())
    texts = (document.text for document in islice(documents, limit_documents))
    for batch in _batches(track(texts, "doc", "measuring", limit_documents)):
        for text, encoding in zip(
            batch, loaded.encode_batch(batch, add_special_tokens=False), strict=True
        ):
            _add(tally, text, encoding, unknown)
            tally.round_trips += _returns(loaded, text, encoding.ids, compares)
    return {
        "tokenizer": str(tokenizer),
        "vocab_size": loaded.get_vocab_size(),
        **_rates(tally, loaded.get_vocab_size()),
        "round_trip_compares": compares,
    }


def load_tokenizer(tokenizer: str | Path) -> Tokenizer:
    """The tokenizers-library object of a folder.

    Raises:
        InputError: when it holds no tokenizer.json, or that is damaged.
    """
    path = Path(tokenizer)
    path = path / TOKENIZER_FILE if path.is_dir() else path
    if not path.is_file():
        raise InputError(
            f"{path}: no such file", "give a folder that `mlm-pretrain tokenizer train` wrote"
        )
    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise InputError(f"{path}: not a tokenizer ({error})", "train it again") from None
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def find_unknown(tokenizer: Tokenizer) -> int | None:
    """The id of the unknown token, or None where nothing can be unknown."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    return tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else None


def _what_returns(tokenizer: Tokenizer) -> str:
    """What decoding can give back at best."""
    if type(tokenizer.model).__name__ in ("WordPiece", "WordLevel"):
        return NO_SPACE  # these store no white space, and guess it when they decode
    return NORMALISED if tokenizer.normalizer else EXACT


def _returns(tokenizer: Tokenizer, text: str, ids: list[int], compares: str) -> bool:
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    if compares == EXACT:
        return decoded == text
    normal = tokenizer.normalizer.normalize_str(text)
    if compares == NO_SPACE:
        return _SPACE.sub("", decoded) == _SPACE.sub("", normal)
    # Such tokenizers put a space before the text and remove one when they decode.
    return decoded.removeprefix(" ") == normal.removeprefix(" ")


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, _BATCH_DOCUMENTS)):
        yield batch


def _add(tally: _Tally, text: str, encoding: Encoding, unknown: int | None) -> None:
    ids = encoding.ids
    tally.documents += 1
    tally.bytes += len(text.encode())
    tally.tokens += len(ids)
    tally.unknown += ids.count(unknown) if unknown is not None else 0
    tally.words += len(text.split())
    tally.ids.update(ids)
    spans = {
        (end - len(text[start:end].lstrip()), end)
        for token, (start, end) in zip(ids, encoding.offsets, strict=True)
        if token != unknown
    }
    for word in RUN.finditer(text):
        tally.plain_words += 1
        tally.whole += word.span() in spans


def _rates(tally: _Tally, vocab_size: int) -> dict[str, Any]:
    return {
        "documents": tally.documents,
        "bytes": tally.bytes,
        "words": tally.words,
        "tokens": tally.tokens,
        "fertility": _share(tally.tokens, tally.words),
        "bytes_per_token": _share(tally.bytes, tally.tokens),
        "unknown_rate": _share(tally.unknown, tally.tokens),
        "words_whole": _share(tally.whole, tally.plain_words),
        "vocabulary_used": _share(len(tally.ids), vocab_size),
        "round_trip_rate": _share(tally.round_trips, tally.documents),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
