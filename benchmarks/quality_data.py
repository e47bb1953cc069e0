"""Texts, tokenizer and packed rows that `time_to_quality` and `recipe` train on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

VOCABULARY = 8_192
_QUICK_BYTES = 1_000_000


def add_text_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train on and judge by, and where the runs are kept."""
    parser.add_argument("--train", default="installed-docs", help="text, as a corpus or JSON lines")
    parser.add_argument("--validation", help="text to judge by; default: a part of --train")
    parser.add_argument("--corpus", default="one corpus", help="what to call the text")
    parser.add_argument(
        "--work", type=Path, help="keeps the runs, so that a stopped benchmark goes on"
    )


def prepare_texts(work: Path, train: str, validation: str | None, length: int, quick: bool) -> None:
    """Write train.jsonl, validation.jsonl, tokenizer/ and data-LENGTH/ into `work`, what is missing of it.

    Without a validation text every twentieth document of the training text is held out.
    """
    from mlm_pretrain.packing import PrepareConfig, prepare
    from tokenizer_training import train_tokenizer

    work.mkdir(parents=True, exist_ok=True)
    text = [str(work / "train.jsonl")]
    if not (work / "tokenizer").exists():
        _write_texts(work, train, validation, quick)
        train_tokenizer(text, "wordpiece", VOCABULARY, work / "tokenizer")
    if not (work / f"data-{length}").exists():
        config = PrepareConfig(max_length=length, validation_share=0.0)
        prepare(text, work / "tokenizer", work / f"data-{length}", config)


def _write_texts(work: Path, train: str, validation: str | None, quick: bool) -> None:
    from mlm_pretrain.corpus import ReadOptions

    limit = ReadOptions(limit_bytes=_QUICK_BYTES if quick else None)
    documents = _texts(train, limit)
    if validation:
        held_out = _texts(validation, limit)
    else:
        held_out = documents[::20]
        documents = [text for number, text in enumerate(documents) if number % 20]
    _write(documents, work / "train.jsonl")
    _write(held_out, work / "validation.jsonl")


def _texts(corpus: str, limit: Any) -> list[str]:
    from mlm_pretrain.corpus import read_corpus

    return [document.text for document in read_corpus([corpus], limit)]


def _write(texts: list[str], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
