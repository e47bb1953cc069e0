"""One tokenizer.json in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokenizer_training import ALGORITHMS

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from tokenizer_training import train_tokenizer
corpus, algorithm, out = sys.argv[1:]
print(train_tokenizer([corpus], algorithm, 2000, out)["sha256"])
"""


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_processes_agree_to_the_byte(english: str, tmp_path: Path, algorithm: str) -> None:
    hashes = set()
    for seed, threads, parallel in ((0, 1, "false"), (1, 2, "true"), (4242, 5, "true")):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": str(seed),
            "RAYON_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": parallel,
        }
        command = [sys.executable, "-c", SCRIPT, english, algorithm, str(tmp_path / str(seed))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        hashes.add(done.stdout.strip())
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64
