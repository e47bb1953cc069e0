"""A trained tokenizer folder and a corpus of real text, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from families import BERT, TEXTS, save, wordpiece, write_corpus


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(wordpiece(), tmp_path_factory.mktemp("bert") / "tokenizer", **BERT)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "topics.jsonl", TEXTS)
