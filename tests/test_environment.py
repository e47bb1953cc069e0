"""What is said about the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mlm_pretrain.environment import environment
from mlm_pretrain.precision import has_bf16, resolve_precision


def test_precision_is_what_was_asked_or_what_the_hardware_has() -> None:
    assert resolve_precision("fp32") == "fp32"
    assert resolve_precision("bf16") == "bf16"
    assert resolve_precision("auto") == ("bf16" if has_bf16() else "fp32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks about the processor")
@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="needs Linux")
def test_bf16_is_read_from_the_processors_flags() -> None:
    words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    assert has_bf16() == bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def test_the_environment_is_complete_and_can_be_written() -> None:
    found = json.loads(json.dumps(environment()))
    # The installed package may leave out which build it is (+cpu, +cu130).
    assert torch.__version__.startswith(found["torch"])
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cores"] >= 1
    assert found["offline"] is True  # the tests are
    assert (found["gpu"] is None) == (not torch.cuda.is_available())


def test_settings_and_manifests_load_without_the_heavy_libraries() -> None:
    code = (
        "import sys, mlm_pretrain.config, mlm_pretrain.manifest, mlm_pretrain.precision, "
        "mlm_pretrain.environment as e; print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    )
    root = Path(__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert result.stdout.strip() == "set()", result.stderr
