"""`prepare`: raw text → memory-mapped rows of tokens, split, cut and packed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import written_whole
from mlm_pretrain.corpus import fingerprint_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_manifest
from mlm_pretrain.packing.batches import Batches
from mlm_pretrain.packing.boundaries import copy_tokenizer, describe_tokenizer
from mlm_pretrain.packing.config import PrepareConfig
from mlm_pretrain.packing.plan import Plan, check_disk, estimate, make_plan
from mlm_pretrain.packing.processes import tokenise
from mlm_pretrain.packing.rows import RowPacker
from mlm_pretrain.packing.shards import ShardWriter
from mlm_pretrain.packing.work import Segments
from mlm_pretrain.progress import progress_bar

SPLITS = ("train", "validation")


def prepare(
    corpus: Sequence[str],
    tokenizer: str | Path,
    out: str | Path,
    config: PrepareConfig | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a folder that `PackedDataset` reads: `train/`, `validation/`, `tokenizer/`.

    What is written depends on the corpus, the tokenizer and the settings alone, never on the number
    of processes. Memory is bounded whatever the size of the corpus.

    Args:
        corpus: files, folders, globs or named sources, as in `read_corpus`.
        tokenizer: folder with tokenizer.json, or a name on the Hub.
        out: an empty or new folder.
        overwrite: replace what this package wrote in `out` before.

    Returns:
        the report: for each split documents, empty documents, rows, segments, tokens, tokens of
        text, bytes of text and the share of positions filled; which path tokenised; speed.

    Raises:
        InputError: for anything the user can mend; `out` is then left as it was.
    """
    began = time.perf_counter()
    corpus = [corpus] if isinstance(corpus, (str, Path)) else [str(spec) for spec in corpus]
    config = config or PrepareConfig()
    plan = make_plan(corpus, tokenizer, config)
    with written_whole(out, overwrite) as folder:
        report = _write(folder, corpus, tokenizer, config, plan)
    seconds = time.perf_counter() - began
    read = sum(report[split]["text_bytes"] for split in SPLITS)
    return {
        **report,
        "out": str(out),
        "seconds": round(seconds, 2),
        "text_megabytes_per_second": round(read / 1e6 / seconds, 2),
    }


def _write(
    folder: Path, corpus: list[str], tokenizer: str | Path, config: PrepareConfig, plan: Plan
) -> dict[str, Any]:
    fingerprint = fingerprint_corpus(corpus, config.read)
    expected = estimate(plan, corpus, config, fingerprint)
    check_disk(expected["disk_bytes"], folder)
    copy_tokenizer(plan.tokenizer, folder / "tokenizer")
    batches = Batches(corpus, config)
    splits = _run(folder, batches, config, plan, expected["text_bytes"])
    if not splits["train"].rows:
        raise InputError(
            f"0 training rows from {', '.join(corpus)}",
            "give more text, or lower --validation-share",
        )
    inputs = {
        "corpus": fingerprint,
        "tokenizer": describe_tokenizer(tokenizer, folder / "tokenizer", plan.commit),
    }
    if config.validation_corpus:
        inputs["validation_corpus"] = fingerprint_corpus(config.validation_corpus, config.read)
    counts: dict[str, Any] = {name: split.counts() for name, split in splits.items()}
    counts["corpus"] = batches.audit.as_dict()
    if config.validation_corpus:
        counts["validation_corpus"] = batches.validation_audit.as_dict()
        counts["training_documents_held_out"] = batches.held_out
    counts.update(vocab_size=plan.tokenizer.vocab_size, tokeniser_path=plan.encoder)
    settings = config.model_dump(mode="json")
    manifest = write_manifest(folder, "prepare", settings, inputs, counts)
    return {
        "out": str(folder),
        "max_length": config.max_length,
        **counts,
        "processes": config.worker_count,
        "content_hash": manifest.content_hash,
        "notes": _notes(counts, plan),
    }


def _run(
    folder: Path, batches: Batches, config: PrepareConfig, plan: Plan, text_bytes: float
) -> dict[str, _Split]:
    """Tokenise, pack and write everything."""
    with ExitStack() as stack:
        splits = {name: _Split.open(folder / name, config, plan, stack) for name in SPLITS}
        bar = stack.enter_context(
            progress_bar(text_bytes, "B", "prepare", unit_scale=True, unit_divisor=1000)
        )
        for segments in tokenise(batches, plan.order, config.worker_count):
            splits[segments.split].add(segments)
            bar.update(segments.text_bytes)
        bar.total = bar.n  # the total was an estimate
        for split in splits.values():
            split.finish()
    return splits


@dataclass(slots=True)
class _Split:
    """One split being written, and what was counted."""

    packer: RowPacker
    writer: ShardWriter
    documents: int = 0
    empty_documents: int = 0
    text_bytes: int = 0
    text_tokens: int = 0

    @classmethod
    def open(cls, folder: Path, config: PrepareConfig, plan: Plan, stack: ExitStack) -> _Split:
        smallest = plan.order.boundaries.overhead + 1
        shortest = plan.order.lengths[folder.name].smallest + smallest - 1
        packer = RowPacker(config.max_length, smallest, shortest, config.open_rows)
        writer = ShardWriter(
            folder, config.max_length, plan.tokenizer.vocab_size, config.shard_bytes
        )
        stack.callback(writer.close)
        return cls(packer, writer)

    @property
    def rows(self) -> int:
        return self.writer.rows

    def add(self, segments: Segments) -> None:
        """Pack a batch; rows that are closed by it are written."""
        size = self.writer.dtype.itemsize
        ids, start = memoryview(segments.ids), 0
        placed = zip(segments.lengths, segments.finals, segments.keys, strict=True)
        for length, final, key in placed:
            end = start + length * size
            row = self.packer.add(bytes(ids[start:end]), length, final, key)
            start = end
            if row is not None:
                self.writer.append(row)
        self.documents += segments.documents
        self.empty_documents += segments.empty_documents
        self.text_bytes += segments.text_bytes
        self.text_tokens += segments.text_tokens

    def finish(self) -> None:
        """Write the rows still open and the layout."""
        for row in self.packer.flush():
            self.writer.append(row)
        self.writer.finish()

    def counts(self) -> dict[str, Any]:
        """Counts for the manifest."""
        positions = self.rows * self.writer.max_length
        return {
            "documents": self.documents,
            "empty_documents": self.empty_documents,
            "rows": self.rows,
            "segments": self.writer.segments,
            "tokens": self.writer.tokens,
            "text_tokens": self.text_tokens,
            "text_bytes": self.text_bytes,
            "fill": round(self.writer.tokens / positions, 5) if positions else 0.0,
        }


def _notes(counts: dict[str, Any], plan: Plan) -> list[str]:
    notes = []
    if not counts["validation"]["rows"]:
        notes.append("no validation rows: raise --validation-share or pass --validation-corpus")
    if "mask" not in plan.tokenizer.token_ids:
        notes.append("the tokenizer has no mask token: masked-language-model objectives refuse it")
    if counts["train"]["fill"] < 0.97:
        notes.append(f"only {counts['train']['fill']:.1%} of the training positions are filled")
    return notes
