"""bf16 learns what fp32 learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from resumable import config

from mlm_pretrain.training.pretrain import pretrain

_STEPS, _WINDOW = 300, 20


def test_the_loss_curve_stays_within_a_hundredth(prepared: Path, tmp_path: Path) -> None:
    curves = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        pretrain(
            config(
                prepared, out, steps=_STEPS, batch_size=2, accumulation=1, dropout=0.0,
                log_every=_WINDOW, precision=precision, checkpoint_minutes=9,
            )
        )  # fmt: skip
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        curves[precision] = [line["loss"] for line in lines if line["step"] % _WINDOW == 0]
    assert len(curves["fp32"]) == _STEPS // _WINDOW
    assert curves["fp32"] != curves["bf16"]
    assert curves["fp32"][-1] < 0.9 * curves["fp32"][0]
    assert curves["bf16"] == pytest.approx(curves["fp32"], rel=0.01)
