"""Models with attention of their own are trained on packed rows, gone on with, and opened elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers
from resumable import unfinished_copy

from mlm_pretrain.export import export
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


@pytest.fixture(scope="module")
def arch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small DeBERTa of version 3."""
    folder = tmp_path_factory.mktemp("deberta")
    transformers.DebertaV2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True,
        relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
        type_vocab_size=0,
    ).save_pretrained(folder)  # fmt: skip
    return str(folder / "config.json")


@pytest.mark.parametrize("objective", ["mlm", "replaced", "contrastive"])
def test_deberta_learns_and_resumes(
    objective: str, arch: str, prepared: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = PretrainConfig(
        data=str(prepared), out=str(run), arch=arch, objective=objective, steps=4, batch_size=8,
        precision="fp32", checkpoint_minutes=1e-6, keep_checkpoints=9,
    )  # fmt: skip
    pretrain(config)
    copy = unfinished_copy(run, tmp_path / "copy")
    for late in ("checkpoint-3", "checkpoint-4"):
        shutil.rmtree(copy / late)
    pretrain(config.model_copy(update={"out": str(copy)}), resume=True)
    files: list[Any] = [(at / "model" / "model.safetensors").read_bytes() for at in (run, copy)]
    assert files[0] == files[1]
    export(run, tmp_path / "model")
    opened = transformers.AutoModel.from_pretrained(tmp_path / "model")
    assert opened.config.model_type == "deberta-v2"
