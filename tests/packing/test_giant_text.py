"""A line and a word beyond all measure, from the file to rows, in bounded time and memory."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import package_process
import pytest

from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare

LINE_BYTES = 300_000_000
# Prints how far the memory of a process grew that trained a tokenizer and prepared rows, and both counts.
MEASURE = """
import json, resource, sys
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.packing import PrepareConfig, prepare
from tokenizer_training import TokenizerConfig, train_tokenizer
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, (corpus, tokenizer, out) = peak(), sys.argv[1:]
trained = train_tokenizer([corpus], "wordpiece", 500, tokenizer, TokenizerConfig(sample_bytes=16 << 20))
read = ReadOptions(limit_bytes=60_000_000)
config = PrepareConfig(processes=1, validation_share=0.0, read=read)
rows = prepare([corpus], tokenizer, out, config)
print(json.dumps([(peak() - before) // 1024, trained["counts"]["corpus"], rows["corpus"]]))
"""


@pytest.mark.fault("giant-line")
def test_a_giant_line_becomes_a_tokenizer_and_rows(tmp_path: Path, texts: list[str]) -> None:
    words = " ".join(texts).split()
    blocks = [" ".join(random.Random(seed).choices(words, k=150_000)) + " " for seed in range(5)]
    with (tmp_path / "line.txt").open("w", encoding="utf-8") as file:
        written = 0
        while written < LINE_BYTES:
            written += file.write(blocks[written % 5])
    paths = [str(tmp_path / name) for name in ("line.txt", "tokenizer", "data")]
    began = time.monotonic()
    done = package_process.run(["-c", MEASURE, *paths])
    assert done.returncode == 0, done.stderr[-2000:]
    grown_mib, trained, prepared = json.loads(done.stdout)
    assert grown_mib < 400
    assert time.monotonic() - began < 60
    assert trained["bytes"] > LINE_BYTES * 0.99 and prepared["bytes"] > 59_000_000
    assert trained["cut_documents"] == 1 and trained["documents"] > 280


@pytest.mark.fault("giant-line")
@pytest.mark.parametrize("algorithm", ["wordpiece", "bpe", "byte-bpe", "unigram"])
def test_a_giant_word_becomes_rows(
    algorithm: str, tokenizer_folders: dict[str, Path], tmp_path: Path
) -> None:
    """Two megabytes without a blank, as encoded data has them."""
    giant = "".join(chr(97 + index * index % 23) for index in range(2 << 20))
    (tmp_path / "word.txt").write_text(f"A line before.\n{giant}\nA line after.\n")
    began = time.monotonic()
    config = PrepareConfig(processes=1, validation_share=0.0)
    folder = tokenizer_folders[algorithm]
    report = prepare([str(tmp_path / "word.txt")], folder, tmp_path / "data", config)
    assert time.monotonic() - began < 30
    assert report["corpus"]["cut_documents"] == 1
    assert report["train"]["documents"] == 4
    assert len(PackedDataset(tmp_path / "data", "train")) == report["train"]["rows"] > 0
