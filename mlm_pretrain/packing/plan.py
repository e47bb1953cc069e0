"""What will be prepared, checked and estimated on a sample before anything is written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus import Audit, ReadOptions, fingerprint_corpus, read_corpus
from mlm_pretrain.corpus.reading import resolve
from mlm_pretrain.errors import InputError
from mlm_pretrain.hub import resolve_commit
from mlm_pretrain.packing.boundaries import (
    OpenedTokenizer,
    check_length,
    find_boundaries,
    open_tokenizer_folder,
    plain_json,
)
from mlm_pretrain.packing.config import PrepareConfig
from mlm_pretrain.packing.cutting import full_lengths, varied_lengths
from mlm_pretrain.packing.encoding import choose_encoder
from mlm_pretrain.packing.shards import token_dtype
from mlm_pretrain.packing.wordcache import WordCache
from mlm_pretrain.packing.work import Batch, Order, Segments, Worker

_SAMPLE_DOCUMENTS = 200
_SAMPLE_CHARACTERS = 1 << 18
# Text is guessed to be this many times as large as the archive it came in.
_EXPANSION = 4
_COMPRESSED = {".gz", ".zst", ".parquet"}
# Room for what a sample cannot tell.
_MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided before the work starts."""

    tokenizer: OpenedTokenizer
    order: Order
    encoder: str  # "word cache" or "library"
    sample: Segments
    commit: str | None = None  # of a tokenizer from the Hub


def make_plan(corpus: Sequence[str], tokenizer: str | Path, config: PrepareConfig) -> Plan:
    """Load the tokenizer, read the first documents and choose how to tokenise.

    Raises:
        InputError: for a tokenizer that lacks a token or is too short, settings that contradict
            each other, a corpus that cannot be read or has no documents.
    """
    config.check()
    commit = resolve_commit(str(tokenizer), config.tokenizer_revision)
    opened = open_tokenizer_folder(tokenizer, commit or config.tokenizer_revision)
    boundaries = find_boundaries(opened)
    check_length(opened, config.max_length)
    texts = _read_sample(corpus, config.read)
    content = plain_json(opened)
    dtype = token_dtype(opened.vocab_size)
    encoder = choose_encoder(content, dtype, texts, config.word_cache).name
    full = full_lengths(config.max_length, boundaries.overhead)
    varied = varied_lengths(config.shortest_segment, config.max_length, boundaries.overhead)
    order = Order(
        tokenizer=content,
        dtype=dtype.str,
        boundaries=boundaries,
        lengths={"train": varied if config.segments == "varied" else full, "validation": full},
        seed=config.seed,
        word_cache=encoder == WordCache.name,
    )
    return Plan(
        opened, order, encoder, Worker(order)(Batch("train", texts, [0] * len(texts))), commit
    )


def _read_sample(corpus: Sequence[str], options: ReadOptions) -> list[str]:
    texts, size = [], 0
    for document in islice(read_corpus(corpus, options), _SAMPLE_DOCUMENTS):
        texts.append(document.text)
        size += len(document.text)
        if size >= _SAMPLE_CHARACTERS:
            break
    if not texts:
        raise InputError(f"0 documents in {', '.join(corpus)}", "check that the files hold text")
    return texts


def estimate(
    plan: Plan, corpus: Sequence[str], config: PrepareConfig, fingerprint: dict[str, Any]
) -> dict[str, float]:
    """Bytes of text, tokens and bytes on disk to expect, from the files' sizes and the sample."""
    sample = plan.sample
    text_bytes: float = text_size(corpus, fingerprint)
    if config.read.limit_bytes is not None:
        text_bytes = min(text_bytes, config.read.limit_bytes)
    if config.read.limit_documents is not None:
        mean = sample.text_bytes / sample.documents
        text_bytes = min(text_bytes, mean * config.read.limit_documents)
    per_byte = sum(sample.lengths) / sample.text_bytes
    tokens = text_bytes * per_byte
    segments = text_bytes * len(sample.lengths) / sample.text_bytes
    item = int(plan.order.dtype[-1])
    disk = tokens * item + segments * 6 + tokens / config.max_length * 16
    return {"text_bytes": text_bytes, "tokens": tokens, "disk_bytes": disk * _MARGIN}


def text_size(corpus: Sequence[str], fingerprint: dict[str, Any]) -> int:
    """Bytes of text in a corpus, taking archives to grow by a usual factor."""
    files = [path for source in resolve(corpus, Audit()) for path in source.files]
    packed = sum(path.stat().st_size for path in files if path.suffix in _COMPRESSED)
    return int(fingerprint["bytes"]) + packed * (_EXPANSION - 1)


def check_disk(needed_bytes: float, out: Path, limited_by: str = "--limit-documents") -> int:
    """Free bytes where `out` lies; InputError when they are fewer than needed.

    Args:
        limited_by: what would make a corpus smaller.
    """
    place = next(path for path in (out, *out.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed_bytes > free:
        raise InputError(
            f"{out}: needs about {needed_bytes / 1e9:.2f} GB, has {free / 1e9:.2f} GB",
            f"free some space, choose another --out, or limit the corpus ({limited_by})",
        )
    return free


def describe_plan(
    corpus: Sequence[str], tokenizer: str | Path, out: str | Path, config: PrepareConfig
) -> dict[str, Any]:
    """What `prepare` would do, in numbers, without writing anything.

    Raises:
        InputError: whatever `prepare` would refuse before it starts.
    """
    plan = make_plan(corpus, tokenizer, config)
    expected = estimate(plan, corpus, config, fingerprint_corpus(corpus, config.read))
    return {
        "out": str(out),
        "tokeniser_path": plan.encoder,
        "processes": config.worker_count,
        "expected_text_bytes": round(expected["text_bytes"]),
        "expected_tokens": round(expected["tokens"]),
        "expected_rows": round(expected["tokens"] / config.max_length),
        "needed_bytes": round(expected["disk_bytes"]),
        "free_bytes": check_disk(expected["disk_bytes"], Path(out)),
    }
