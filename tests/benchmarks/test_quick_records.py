"""Every benchmark runs as its help says and leaves a record that can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import package_process
import pytest


def quick(name: str, out: Path) -> dict[str, Any]:
    done = package_process.run(["-m", f"benchmarks.{name}", "--quick", "--out", str(out)])
    assert done.returncode == 0, done.stderr[-3000:]
    record: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert record["processor"]["cores"] >= 1
    assert record["versions"]["torch"]
    assert "out" not in record["settings"]  # where it lies is no setting of the measurement
    return record


def test_throughput(tmp_path: Path) -> None:
    results = quick("throughput", tmp_path / "record.json")["results"]
    for way in ("stock", "ours"):
        assert results[way]["tokens_per_second"]["median"] > 0
        assert results[way]["peak_gb"]["median"] > 0
    assert 0 < results["ours"]["share_of_matrix_rate"]["median"] < 1.2
    (chosen,) = results["ours"]["attention"]  # by its speed, which a busy machine changes
    assert chosen.startswith("products")


def test_preparation(tmp_path: Path) -> None:
    results = quick("preparation", tmp_path / "record.json")["results"]
    assert results["ratio_megabytes_per_second"] > 1
    assert results["stock"]["text_megabytes"] == results["prepare"]["text_megabytes"] > 0


def test_tokenizer_extension(tmp_path: Path) -> None:
    results = quick("tokenizer_extension", tmp_path / "record.json")["results"]
    assert set(results) == {"wordpiece", "byte-bpe"}
    for found in results.values():
        assert found["entries"][1] - found["entries"][0] == found["words"] == 100
        assert found["corpus"]["saved_share"] > 0.01
        assert found["ratio"]["extended"]["median"] < 2  # a busy machine is no measurement


def test_masking(tmp_path: Path) -> None:
    results = quick("masking", tmp_path / "record.json")["results"]
    assert results["word 1024"]["ratio"]["median"] > 1
    assert 0 < results["share_of_a_step"]["median"] < 0.5


def test_recipe(tmp_path: Path) -> None:
    rows = quick("recipe", tmp_path / "record.json")["results"]["rows"]
    assert [row["variant"] for row in rows] == ["default", "random-start"]
    assert rows[0]["tokens"] == rows[1]["tokens"] > 15_000
    assert rows[0]["loss_nats"] < rows[1]["loss_nats"]


def test_time_to_quality(tmp_path: Path) -> None:
    results = quick("time_to_quality", tmp_path / "record.json")["results"]
    assert len(results["screened"]) == 2
    assert results["stock"]["tokens"] > 0
    for run in results["ours"]:
        assert 0 < run["loss_nats"] < 12
        assert run["minutes"] == pytest.approx(0.08, abs=0.05)


def test_objectives(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record = quick("objectives", path)
    results = record["results"]
    assert set(results["mlm"]["loss_nats"]) == {"masked"}
    assert set(results["hybrid"]["loss_nats"]) == {"masked", "causal"}
    for run in results.values():
        assert run["steps"] == round(3 * run["steps_per_second"]["median"])  # of 0.05 minutes
        assert all(0 < loss < 12 for loss in run["loss_nats"].values())
    first = {**results["mlm"], "steps": 3 * results["mlm"]["steps"]}  # as on a faster machine
    path.write_text(json.dumps({**record, "results": {"mlm": first}}), encoding="utf-8")
    again = quick("objectives", path)["results"]
    assert again["mlm"] == first
    # By its speed beside the first one's, of the steps that the record says the first one had.
    assert again["hybrid"]["steps"] > 0.4 * first["steps"]


@pytest.mark.fault("killed-mid-step")
def test_kill9(tmp_path: Path) -> None:
    results = quick("kill9", tmp_path / "record.json")["results"]
    assert results["kills"] == results["resumed_bitwise"] == 10
    assert all(run["equal"] for run in results["runs"])
