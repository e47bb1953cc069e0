"""One optimiser step is the same however it is split: micro-batches, processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import package_process
import pytest
import training_splits as splits

ON_TWO_PROCESSES = [
    "bert:2x64", "modernbert:2x64", "gpt2:2x64", "hybrid/bert:2x64", "adaptive/bert:2x64",
    "replaced/bert:2x64", "shared/bert:2x64", "gathered/bert:2x64", "balanced/bert:2x64",
    "shared balanced/bert:2x64", "nsp/bert:2x64", "tsdae/bert:2x64", "denoising/t5:2x64",
]  # fmt: skip


def assert_same(found: Any, expected: Any) -> None:
    """Equal losses and gradient norms to 1e-5, and exactly equal numbers of tokens."""
    assert len(found) == len(expected) == splits.STEPS
    for (loss, norm, tokens), (loss_, norm_, tokens_) in zip(found, expected, strict=True):
        assert loss == pytest.approx(loss_, rel=1e-5)
        assert norm == pytest.approx(norm_, rel=1e-5)
        assert tokens == tokens_


@pytest.mark.parametrize("arch", splits.ARCHS)
def test_micro_batches_change_nothing(arch: str, prepared: Path, tmp_path: Path) -> None:
    whole = splits.split_run(arch, prepared, tmp_path, batch=16, accumulation=1)
    assert len({loss for loss, _, _ in whole}) == splits.STEPS  # each step saw other rows
    for split in ((4, 4), (1, 16)):
        assert_same(splits.split_run(arch, prepared, tmp_path, *split), whole)


def test_two_processes_change_nothing(prepared: Path, tmp_path: Path) -> None:
    done = package_process.run_on_two_processes(
        splits.__file__, prepared, tmp_path, *ON_TWO_PROCESSES
    )
    assert done.returncode == 0, done.stderr[-3000:]
    logged = json.loads((tmp_path / "logged.json").read_text(encoding="utf-8"))
    for arch in ON_TWO_PROCESSES:
        whole = splits.split_run(arch, prepared, tmp_path, batch=16, accumulation=1)
        for found in logged[arch]:
            assert_same(found, whole)
    for rows, (loss, predicted) in zip(splits.EVALUATED_ROWS, logged["evaluated"], strict=True):
        loss_, predicted_ = splits.evaluation(prepared, tmp_path, rows)
        assert predicted == predicted_
        assert loss == pytest.approx(loss_, rel=1e-6)
