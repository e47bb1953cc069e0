"""Texts, tokenizer and packed rows that `time_to_quality`, `recipe` and `objectives` train on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_json

VOCABULARY = 8_192
_TEXT = "text.json"
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

    Without a validation text every twentieth document of the training text is held out. text.json says
    which text it is of, so that runs of one are not taken for those of another.

    Raises:
        InputError: where `work` is of another text.
    """
    from mlm_pretrain.packing import PrepareConfig, prepare
    from tokenizer_training import train_tokenizer

    work.mkdir(parents=True, exist_ok=True)
    text = [str(work / "train.jsonl")]
    asked = _asked(train, validation, quick)
    if (work / "tokenizer").exists():
        _check_same(work, asked)
    else:
        _write_texts(work, train, validation, quick)
        write_json(work / _TEXT, asked)
        train_tokenizer(text, "wordpiece", VOCABULARY, work / "tokenizer")
    if not (work / f"data-{length}").exists():
        config = PrepareConfig(max_length=length, validation_share=0.0)
        prepare(text, work / "tokenizer", work / f"data-{length}", config)


def _asked(train: str, validation: str | None, quick: bool) -> dict[str, Any]:
    """What was given, by its content and not by its name."""
    from mlm_pretrain.corpus import fingerprint_corpus

    given = {"train": train, "validation": validation}
    contents = {
        name: None if spec is None else fingerprint_corpus([spec])["xxh3_128"]
        for name, spec in given.items()
    }
    return {**contents, "quick": quick}


def _check_same(work: Path, asked: dict[str, Any]) -> None:
    path = work / _TEXT
    made_of = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    others = [name for name in asked if name not in made_of or made_of[name] != asked[name]]
    if others:
        raise InputError(
            f"{work}: made of other text, or of text that is not known any more ({', '.join(others)})",
            "give another --work",
        )


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
