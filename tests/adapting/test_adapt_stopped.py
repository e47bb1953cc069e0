"""Ctrl-C in an adaptation: what is said of how to go on is true."""

from __future__ import annotations

import signal
from pathlib import Path

import package_process
import pytest
import yaml
from small import settings, write_documents


@pytest.mark.fault("signals")
@pytest.mark.parametrize("place", ["texts/domain-train.jsonl", "runs/dapt/checkpoint-*/manifest.json"])
def test_with_overwrite_the_same_command_would_begin_again(
    place: str, texts: list[str], base: Path, tmp_path: Path
) -> None:
    """While texts are gathered, and in a training that saves its state."""
    write_documents(tmp_path / "domain.jsonl", texts[:30])
    pretrain = {"batch_size": 4, "precision": "fp32", "attention": "masks", "checkpoint_minutes": 1e-4}
    config = settings(tmp_path, base, steps=5000, pretrain=pretrain)
    path, out = tmp_path / "recipe.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True)))
    command = ["-m", "mlm_pretrain", "adapt", "--config", str(path), "--overwrite"]
    done = package_process.signal_when(command, lambda: any(out.glob(place)), signal.SIGINT)
    assert done.returncode == 130, done.stderr[-3000:]
    assert "the same command without --overwrite goes on from there" in done.stderr
    assert (out / "adaptation.json").is_file()
