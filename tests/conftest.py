"""Small real things, made once for all tests: a corpus, tokenizers, prepared data, a run, a model."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from pydoc_data.topics import topics

# Before any library reads them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import pytest
import torch

# Models this small only lose time by sharing work between threads; and sums are split by thread, so only
# equal numbers of them give equal bits.
torch.set_num_threads(1)

# algorithm: entries
VOCABULARIES = {"wordpiece": 2000, "bpe": 1500, "byte-bpe": 1500, "unigram": 1000}


def pytest_collection_finish() -> None:
    """The libraries' objects, a million by now, stay to the end: no later collection need look at them, and
    every training asks for one."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """The language reference that comes with Python: some eighty long documents."""
    return [topics[name] for name in sorted(topics)]


@pytest.fixture(scope="session")
def corpus_file(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`texts` as JSON lines."""
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tokenizer_folders(
    corpus_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A tokenizer folder for every algorithm."""
    from tokenizer_training import train_tokenizer

    parent = tmp_path_factory.mktemp("tokenizers")
    for algorithm, size in VOCABULARIES.items():
        train_tokenizer([str(corpus_file)], algorithm, size, parent / algorithm)
    return {algorithm: parent / algorithm for algorithm in VOCABULARIES}


@pytest.fixture(scope="session")
def prepared(
    corpus_file: Path,
    tokenizer_folders: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Packed rows of 64 tokens with a few documents for validation, WordPiece."""
    from mlm_pretrain.packing import PrepareConfig, prepare

    out = tmp_path_factory.mktemp("prepared") / "data"
    config = PrepareConfig(max_length=64, validation_share=0.03, processes=1)
    prepare([str(corpus_file)], tokenizer_folders["wordpiece"], out, config)
    return out


@pytest.fixture(scope="session")
def tiny_run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of eight steps."""
    from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

    out = tmp_path_factory.mktemp("run") / "run"
    config = PretrainConfig(
        data=str(prepared), out=str(out), arch="modernbert:2x64", steps=8, batch_size=8,
        log_every=1, precision="fp32",
    )  # fmt: skip
    pretrain(config)
    return out


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported model of `tiny_run`."""
    from mlm_pretrain.export import export

    out = tmp_path_factory.mktemp("model") / "model"
    export(tiny_run, out)
    return out


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real corpora and tasks, where the machine has them."""
    folder = os.environ.get("MLM_PRETRAIN_TEST_DATA")
    if not folder:
        pytest.skip("needs real data: set MLM_PRETRAIN_TEST_DATA to its folder")
    return Path(folder)
