"""Every benchmark runs as its help says and leaves a record that can be read."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import package_process
import pytest

from benchmarks import objectives
from benchmarks.record import RESULTS, processor, record_path
from mlm_pretrain.manifest import versions


def quick(name: str) -> dict[str, Any]:
    """The record of a run that was not told where to put one."""
    done = package_process.run(["-m", f"benchmarks.{name}", "--quick"])
    assert done.returncode == 0, done.stderr[-3000:]
    path = Path(re.findall(r"^record: (.+)$", done.stdout, re.MULTILINE)[-1])
    assert path.parent.parent == Path(tempfile.gettempdir())  # and not among the measurements
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    shutil.rmtree(path.parent)
    said = record if "settings" in record else next(iter(record["results"].values()))
    assert (said["processor"], said["versions"]) == (processor(), versions())
    assert "out" not in said["settings"]  # where it lies is no setting of the measurement
    return record


def test_a_record_goes_where_it_is_told_or_belongs(tmp_path: Path) -> None:
    given = tmp_path / "mine.json"
    assert record_path("masking", given, True) == record_path("masking", given, False) == given
    assert record_path("masking", None, False) == RESULTS / "masking.json"
    path, other = record_path("masking", None, True), record_path("masking", None, True)
    assert path.name == "masking.json" and path != other
    assert not path.is_relative_to(RESULTS)
    for quick_one in (path, other):
        quick_one.parent.rmdir()


def test_throughput() -> None:
    results = quick("throughput")["results"]
    for way in ("stock", "ours"):
        assert results[way]["tokens_per_second"]["median"] > 0
        assert results[way]["peak_gb"]["median"] > 0
    assert 0 < results["ours"]["share_of_matrix_rate"]["median"] < 1.2
    (chosen,) = results["ours"]["attention"]  # by its speed, which a busy machine changes
    assert chosen.startswith("products")


def test_preparation() -> None:
    results = quick("preparation")["results"]
    assert results["ratio_megabytes_per_second"] > 0
    assert results["stock"]["text_megabytes"] == results["prepare"]["text_megabytes"] > 0


def test_tokenizer_extension() -> None:
    results = quick("tokenizer_extension")["results"]
    assert set(results) == {"wordpiece", "byte-bpe"}
    for found in results.values():
        assert found["entries"][1] - found["entries"][0] == found["words"] == 100
        assert found["corpus"]["saved_share"] > 0.01
        assert found["ratio"]["extended"]["median"] < 2  # a busy machine is no measurement


def test_masking() -> None:
    results = quick("masking")["results"]
    assert results["word 1024"]["ratio"]["median"] > 1
    assert 0 < results["share_of_a_step"]["median"] < 0.5


def test_recipe() -> None:
    rows = quick("recipe")["results"]["rows"]
    assert [row["variant"] for row in rows] == ["default", "random-start"]
    assert rows[0]["tokens"] == rows[1]["tokens"] > 15_000
    assert rows[0]["loss_nats"] < rows[1]["loss_nats"]


def test_time_to_quality() -> None:
    results = quick("time_to_quality")["results"]
    assert len(results["screened"]) == 2
    assert results["stock"]["tokens"] > 0
    for run in results["ours"]:
        assert 0 < run["loss_nats"] < 12
        assert run["minutes"] == pytest.approx(0.08, abs=0.05)


def test_objectives(tmp_path: Path, monkeypatch: Any) -> None:
    results = quick("objectives")["results"]
    assert set(results["mlm"]["loss_nats"]) == {"masked"}
    assert set(results["hybrid"]["loss_nats"]) == {"masked", "causal"}
    for run in results.values():
        assert run["steps"] == round(3 * run["steps_per_second"]["median"])  # of 0.05 minutes
        assert all(0 < loss < 12 for loss in run["loss_nats"].values())
    path = tmp_path / "record.json"
    monkeypatch.setattr("sys.argv", ["objectives", "--quick", "--out", str(path)])
    _is_added_to_what_another_machine_had_done(results["mlm"], path)
    before = path.read_bytes()
    monkeypatch.setattr("sys.argv", [*sys.argv, "--seed", "1"])
    with pytest.raises(SystemExit, match=r"\(seed\)\n.*give another --out"):
        objectives.main()
    assert path.read_bytes() == before


def _is_added_to_what_another_machine_had_done(run: dict[str, Any], path: Path) -> None:
    """`run` as if a faster one had made it, in a record that says so once for all of its runs."""
    own = ("measured_at", "versions", "settings")
    faster = {"name": "a faster one", "cores": 96}
    there = {**{name: run[name] for name in own}, "processor": faster, "measured_at": "before"}
    first = {name: value for name, value in run.items() if name not in there}
    first["steps"] *= 3
    record = {"benchmark": "objectives", **there, "results": {"mlm": first}}
    path.write_text(json.dumps(record), encoding="utf-8")
    objectives.main()
    again = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert again["mlm"] == {**there, **first}
    # By its speed beside the first one's, of the steps that the record says the first one had.
    assert again["hybrid"]["steps"] > 0.4 * first["steps"]
    assert again["hybrid"]["processor"] == processor()
    assert again["hybrid"]["measured_at"] != "before"


@pytest.mark.fault("killed-mid-step")
def test_kill9() -> None:
    results = quick("kill9")["results"]
    assert results["kills"] == results["resumed_bitwise"] == 2
    assert all(run["equal"] for run in results["runs"])
