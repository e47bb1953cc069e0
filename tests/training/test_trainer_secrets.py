"""`MaskedLMTrainer` used directly: what never leaves the machine by way of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_trainer import trainer

from mlm_pretrain.errors import InputError


def test_no_push_of_whole_folders(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mlm-pretrain push"):
        trainer(prepared, tmp_path, push_to_hub=True)
    with pytest.raises(InputError, match="mlm-pretrain push"):
        trainer(prepared, tmp_path).push_to_hub()


@pytest.mark.fault("secrets")
def test_no_token_of_the_arguments_is_written(prepared: Path, tmp_path: Path) -> None:
    """The stock Trainer pickles its arguments, token and all, into every checkpoint."""
    token = "hf_" + "k" * 34
    made = trainer(prepared, tmp_path / "out", hub_token=token)
    made.train()
    made.save_model(str(tmp_path / "out" / "final"))
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(path.name == "model.safetensors" for path in files)
    assert not [path for path in files if token.encode() in path.read_bytes()]
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pth")]
    assert json.loads((tmp_path / "out" / "checkpoint-4" / "trainer_state.json").read_text("utf-8"))
