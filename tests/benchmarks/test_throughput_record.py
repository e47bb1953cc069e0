"""A benchmark runs as its help says and leaves a record that can be read."""

from __future__ import annotations

import json
from pathlib import Path

import package_process


def test_the_quick_one_leaves_its_record(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    done = package_process.run(["-m", "benchmarks.throughput", "--quick", "--out", str(out)])
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["benchmark"].startswith("throughput")
    assert record["processor"]["cores"] >= 1
    assert record["versions"]["torch"]
    assert "out" not in record["settings"]  # where it lies is no setting of the measurement
