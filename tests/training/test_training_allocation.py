"""Freed memory stays in the process, so that the next step does not wait for the system to clear it."""

from __future__ import annotations

import platform
import sys

import package_process
import pytest

_PROGRAM = """
import resource, sys, torch
from mlm_pretrain.training.allocation import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    held = [torch.ones(10_000_000) for _ in range(3)]  # beyond what glibc keeps by itself
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks to glibc")
def test_pages_are_not_asked_for_again() -> None:
    faults = {
        way: int(package_process.run(["-c", _PROGRAM, way]).stdout.split()[-1])
        for way in ("keep", "default")
    }
    assert faults["keep"] < faults["default"] / 5


def test_elsewhere_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    from mlm_pretrain.training.allocation import keep_freed_memory

    def absent(_name: object) -> object:
        raise OSError("no C library")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert keep_freed_memory() is False
    assert sys.platform
