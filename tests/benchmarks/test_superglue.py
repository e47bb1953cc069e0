"""SuperGLUE's command on small official files: runs, scores, what is missing, what is handed in."""

from __future__ import annotations

import gzip
import json
import random
import statistics
import zipfile
from pathlib import Path
from typing import Any

import pytest
from suite_runs import made_runs, run_suite, write
from superglue_samples import OFFICIAL
from tiny_problems import BAD, FILLERS, GOOD

from benchmarks import report, superglue


def _choices(count: int, seed: int, is_secret: bool = False) -> list[dict[str, Any]]:
    """The choice with a good word is right."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        right = generator.randrange(2)
        words = [generator.choice(GOOD if n == right else BAD) for n in (0, 1)]
        first, second = (f"{generator.choice(FILLERS)} {word}" for word in words)
        row = {
            "premise": " ".join(generator.choices(FILLERS, k=3)), "choice1": first,
            "choice2": second, "question": "cause", "label": right, "idx": 50 + number,
        }  # fmt: skip
        rows.append({k: v for k, v in row.items() if not (is_secret and k == "label")})
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("superglue") / "COPA"
    folder.mkdir()
    splits = {"train": (80, 1, False), "val": (20, 2, False), "test": (20, 3, True)}
    for name, given in splits.items():
        text = "\n".join(json.dumps(row) for row in _choices(*given))
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder.parent


def test_a_task_from_official_files_to_the_archive(
    data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    out = tmp_path / "handed in"
    flags = ["--submission", str(out)]
    settings = {"epochs": 6}
    found = run_suite(superglue, monkeypatch, data, tmp_path, *flags, settings=settings)
    assert list(found) == ["COPA"] and found["COPA"]["scored"] == "validation"
    assert min(found["COPA"]["accuracy"]) >= 90 and found["COPA"]["train_examples"] == 160
    shown = capsys.readouterr().out
    assert "no mean over all six: BoolQ, CB, MultiRC, ReCoRD, WiC not there" in shown
    assert "not run or without a test file: BoolQ.jsonl, CB.jsonl, MultiRC.jsonl" in shown
    with zipfile.ZipFile(out / "submission.zip") as archive:
        lines = [json.loads(line) for line in archive.read("COPA.jsonl").decode().splitlines()]
    assert [line["idx"] for line in lines] == list(range(50, 70))
    secret = [row["label"] for row in _choices(20, 3)]
    assert sum(a["label"] == b for a, b in zip(lines, secret, strict=True)) >= 18

    made = made_runs(tmp_path)
    assert len(made) == 3  # two seeds, and the better one once more with the test rows
    records = [json.loads(path.read_text()) for path in made]
    assert all(record["inputs"]["train"]["xxh3_128"] for record in records)
    again = run_suite(superglue, monkeypatch, data, tmp_path, *flags, settings=settings)
    assert again == found and made_runs(tmp_path) == made

    page = tmp_path / "page"
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path / "out.json"), "--out", str(page)])
    report.main()
    text = page.with_suffix(".md").read_text()
    assert "## SuperGLUE" in text and "python -m benchmarks.superglue" in text
    assert "| COPA |" in text


def test_all_six_have_a_mean_and_a_file_each(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    for name, rows in OFFICIAL.items():
        copies = [{**row, "idx": row["idx"] + 100 * n} for n in range(16) for row in rows]
        write(tmp_path / "data" / name, dict.fromkeys(("train", "val", "test"), copies))
    out = tmp_path / "handed in"
    flags = ["--seeds", "1", "--submission", str(out)]
    found = run_suite(superglue, monkeypatch, tmp_path / "data", tmp_path, *flags)
    assert list(found) == list(OFFICIAL) and all(of["scored"] == "test" for of in found.values())
    for of in found.values():
        parts = [of[part][0] for part in ("accuracy", "f1", "f1a", "em") if part in of]
        assert of["score"][0] == pytest.approx(statistics.mean(parts), abs=0.01)
    scores = [of["score"][0] for of in found.values()]
    shown = capsys.readouterr().out
    assert f"{'mean':8}{statistics.mean(scores):>14.1f}" in shown and "not there" not in shown
    with zipfile.ZipFile(out / "submission.zip") as archive:
        lines = {name: archive.read(name).decode().splitlines() for name in archive.namelist()}
    # A line a passage (MultiRC), query (ReCoRD), question or pair.
    assert {name: len(found) for name, found in lines.items()} == {
        f"{name}.jsonl": 16 * len(rows) for name, rows in OFFICIAL.items()
    }
    assert {json.loads(line)["label"] for line in lines["ReCoRD.jsonl"]} <= {"Oslo", "Anna", "Rome"}


def test_a_folder_without_any_task_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(SystemExit, match="none of the folders CB, WiC"):
        run_suite(superglue, monkeypatch, tmp_path, tmp_path, "--tasks", "CB", "WiC")
