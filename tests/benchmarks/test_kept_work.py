"""What lies in a work folder is taken up where the same is asked for, and nowhere else."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import objectives, quality_data
from mlm_pretrain.errors import InputError


def _corpus(path: Path, texts: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def test_text_of_another_call_is_refused(
    texts: list[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(quality_data, "VOCABULARY", 1_000)
    work = tmp_path / "work"
    one, other = (_corpus(tmp_path / f"{n}.jsonl", texts[n : n + 30]) for n in (0, 30))
    quality_data.prepare_texts(work, one, None, 64, quick=False)
    made = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    moved = str(Path(one).rename(tmp_path / "moved.jsonl"))
    quality_data.prepare_texts(work, moved, None, 64, quick=False)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == made
    for given, named in (
        ((other, None, 64, False), "train"),
        ((moved, other, 64, False), "validation"),
        ((moved, None, 64, True), "quick"),
    ):
        with pytest.raises(InputError, match=rf"work: .*\({named}\)\n.*another --work"):
            quality_data.prepare_texts(work, *given)
    (work / "text.json").unlink()  # as of a time when nothing was written down
    with pytest.raises(InputError, match=r"not known any more \(train, validation, quick\)"):
        quality_data.prepare_texts(work, moved, None, 64, quick=False)


def test_a_benchmark_ends_with_the_refusal(tmp_path: Path, monkeypatch: Any) -> None:
    work = tmp_path / "work"
    (work / "tokenizer").mkdir(parents=True)
    train = _corpus(tmp_path / "train.jsonl", ["a text"])
    given = ["--train", train, "--work", str(work), "--out", str(tmp_path / "record.json")]
    monkeypatch.setattr("sys.argv", ["objectives", *given])
    with pytest.raises(SystemExit, match="give another --work"):
        objectives.main()


def test_every_setting_of_a_run_has_results_of_its_own(tmp_path: Path, monkeypatch: Any) -> None:
    """Of what is made, only its settings; which of it is made anew is what counts."""
    made: list[str] = []

    def make(what: str, found: dict[str, Any]) -> dict[str, Any]:
        made.append(what)
        return found

    monkeypatch.setattr(objectives, "child_result", lambda *_: make("run", {}))
    monkeypatch.setattr(objectives, "_blimp", lambda *_: make("blimp", {"blimp": {}}))
    monkeypatch.setattr(objectives, "probe_scores", lambda *_: make("probes", {}))
    first = {"arch": "bert:2x64", "minutes": 1.0, "seed": 0, "pairs": 5, "rows": 9}
    changes: dict[str, tuple[Any, list[str]]] = {
        "arch": ("bert:2x32", ["run", "blimp", "probes"]),
        "minutes": (2.0, ["run", "blimp", "probes"]),
        "seed": (1, ["run", "blimp", "probes"]),
        "pairs": (6, ["blimp"]),
        "rows": (8, ["probes"]),
    }
    always = {"tasks": tmp_path, "quick": False}
    objectives._judged(tmp_path, Namespace(**first, **always), "mlm", 3)
    for name, (value, expected) in changes.items():
        made.clear()
        asked = Namespace(**{**first, name: value}, **always)
        for _ in range(2):
            objectives._judged(tmp_path, asked, "mlm", 3)
        assert made == expected, name
