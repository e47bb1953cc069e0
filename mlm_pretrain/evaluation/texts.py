"""What is evaluated on: a prepared folder, or raw text cut into full windows here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlm_pretrain.corpus import Document, read_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, read_manifest
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH
from mlm_pretrain.objectives.vocabulary import find_unknown
from mlm_pretrain.packing import PackedDataset

LONGEST_DEFAULT_WINDOW = 512


@dataclass
class EvaluationRows:
    """Rows with their place, so that masks are fixed; and the bytes of text they stand for."""

    rows: Any
    split: str
    max_length: int
    text_bytes: int
    control_ids: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.rows)

    def example(self, index: int) -> Mapping[str, Any]:
        return {**self.rows[index], "epoch": EVALUATION_EPOCH, "example": index}

    def text_tokens(self, index: int) -> int:
        """Tokens of a row that stand for text, without start and end tokens."""
        ids = np.asarray(self.rows[index]["input_ids"])
        return int((~np.isin(ids, list(self.control_ids))).sum())


def open_rows(
    data: str | Path,
    tokenizer: Any,
    config: Any,
    max_length: int | None,
    limit_rows: int | None = None,
) -> EvaluationRows:
    """Rows of a prepared folder, or of a corpus tokenised now (its first `limit_rows` windows).

    Raises:
        InputError: when the prepared data was made with another tokenizer than the model's.
    """
    if (Path(data) / MANIFEST).is_file():
        rows = _prepared_rows(data, tokenizer)
        rows.control_ids = _control_ids(tokenizer)
    else:
        length = max_length or _window(tokenizer, config)
        rows = windows_of(read_corpus([str(data)]), tokenizer, length, limit_rows)
    return rows


def _control_ids(tokenizer: Any) -> set[int]:
    return set(tokenizer.all_special_ids) - {find_unknown(tokenizer)}


def _prepared_rows(data: str | Path, tokenizer: Any) -> EvaluationRows:
    from transformers import AutoTokenizer

    manifest = read_manifest(data, "prepare")
    own = AutoTokenizer.from_pretrained(Path(data) / "tokenizer", trust_remote_code=False)
    if own.get_vocab() != tokenizer.get_vocab():
        raise InputError(
            f"{data}: was prepared with another tokenizer than the model's",
            "prepare it again with --tokenizer MODEL, or give the text itself as --data",
        )
    split = "validation" if manifest.counts.get("validation", {}).get("rows", 0) else "train"
    dataset = PackedDataset(data, split)
    dataset.verify()
    text_bytes = int(manifest.counts.get(split, {}).get("text_bytes", 0))
    return EvaluationRows(dataset, split, dataset.max_length, text_bytes)


def _window(tokenizer: Any, config: Any) -> int:
    positions = getattr(config, "max_position_embeddings", None) or LONGEST_DEFAULT_WINDOW
    return min(tokenizer.model_max_length, positions, LONGEST_DEFAULT_WINDOW)


def windows_of(
    documents: Iterable[Document], tokenizer: Any, max_length: int, limit_rows: int | None = None
) -> EvaluationRows:
    """Every document cut into windows of `max_length` tokens with their start and end tokens.

    Held as arrays of 4 bytes a token; reading stops after the document that fills `limit_rows`.
    """
    start, end = edge_ids(tokenizer)
    room = max_length - len(start) - len(end)
    if room < 1:
        raise InputError(f"--max-length {max_length}: leaves no room for text")
    rows: list[dict[str, Any]] = []
    text_bytes = 0
    for document in documents:
        text_bytes += len(document.text.encode())
        ids = tokenizer(
            document.text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        windows = [ids[i : i + room] for i in range(0, len(ids), room)]
        rows += [{"input_ids": np.array([*start, *w, *end], np.int32)} for w in windows]
        if limit_rows is not None and len(rows) >= limit_rows:
            break
    return EvaluationRows(rows, "text", max_length, text_bytes, _control_ids(tokenizer))


def edge_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids before and behind a text, one or none each."""
    start = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    end = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    return ([] if start is None else [start]), ([] if end is None else [end])
