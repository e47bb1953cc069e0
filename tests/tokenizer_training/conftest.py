"""Small corpora made here, so that no test needs a file or a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from mlm_pretrain.corpus import ReadOptions
from tokenizer_training import TokenizerConfig, train_tokenizer

WriteCorpus = Callable[[list[str]], str]


@pytest.fixture
def write_corpus(tmp_path: Path) -> WriteCorpus:
    """Writes documents as JSON lines and returns the path."""

    def write(documents: list[str]) -> str:
        path = tmp_path / f"corpus-{len(list(tmp_path.iterdir()))}.jsonl"
        lines = [json.dumps({"text": document}, ensure_ascii=False) for document in documents]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(scope="session")
def paragraphs() -> list[str]:
    """A few thousand paragraphs of English, half a megabyte."""
    text = "\n\n".join(topics[name] for name in sorted(topics))
    return [part.strip() for part in text.split("\n\n") if part.strip()]


@pytest.fixture
def english(write_corpus: WriteCorpus, paragraphs: list[str]) -> str:
    """The paragraphs as a corpus file."""
    return write_corpus(paragraphs)


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, paragraphs: list[str]
) -> Callable[[str], Path]:
    """The folder of a tokenizer of 1,000 entries by algorithm, trained once."""
    home = tmp_path_factory.mktemp("trained")
    (home / "corpus.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    reading = ReadOptions(text_unit="paragraph")
    config = TokenizerConfig(model_max_length=128, reading=reading)

    def train(algorithm: str) -> Path:
        out = home / algorithm
        if not out.exists():
            train_tokenizer([str(home / "corpus.txt")], algorithm, 1000, out, config)
        return out

    return train


@pytest.fixture
def words() -> list[str]:
    """The example of Sennrich et al.: its merges can be counted by hand."""
    return ["low low low low low lower lower", "newest " * 6, "widest widest widest"]


@pytest.fixture
def everything() -> TokenizerConfig:
    """No character is left out of the alphabet."""
    return TokenizerConfig(character_coverage=1.0)
