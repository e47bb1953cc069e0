"""A report says what its records say, and fetches nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.record import add_entries, circumstances, write_record
from benchmarks.report_sections import saving_text

_SAVED = {"is_bound": False, "low_is_bound": False, "high_is_bound": True}
LABELS = {
    "trec, <wiki>": {
        "metric": "accuracy", "scored": "test", "examples": 500, "train_examples": 64, "seeds": 2,
        "scores": {
            "pretrained": {"32": [60.0, 64.0]},
            "random": {"32": [40.0, 44.0], "64": [50.0, 54.0]},
        },
        "saved": [{"labels": 32, "factor": 2.0, "low": 1.5, "high": 2.0, **_SAVED}],
    }
}  # fmt: skip
GLUE = {"RTE": {"score": [55.0], "scored": "validation", "train_examples": 2490, "seconds": [12.0]}}
BLIMP = {"m": {"masked": {"accuracy": 58.1, "error": 0.2, "pairs": 9, "fields": {"syntax": 57.0}}}}
FINETUNING = {
    "rte": {
        "score": "accuracy", "time_ratio": 0.4,
        "stock": {"scores": [50.0, 54.0], "seconds": [98.0, 102.0]},
        "ours": {"scores": [55.0, 55.0], "seconds": [40.0, 40.0]},
        "settings": {
            "model": "m", "train_rows": 500, "validation_rows": 0, "seeds": 2, "precision": "fp32",
        },
    }
}  # fmt: skip


class _Page(HTMLParser):
    """Cells of the tables in order, and every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag in ("td", "th")
        wanted = ("src", "href", "xlink:href")
        self.addresses += [value or "" for name, value in attributes if name in wanted]

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.cells.append(data)


def _finetuning(path: Path) -> Path:
    entries = {
        name: {**circumstances(found["settings"]), **found} for name, found in FINETUNING.items()
    }
    return add_entries("finetuning", entries, path)


def _made(tmp_path: Path, monkeypatch: Any) -> tuple[str, str]:
    records = [
        write_record("label_efficiency", {}, LABELS, tmp_path / "a.json"),
        write_record("glue", {"model": "m", "seeds": 1}, GLUE, tmp_path / "b.json"),
        write_record("blimp", {"pairs": 9}, BLIMP, tmp_path / "c.json"),
        _finetuning(tmp_path / "d.json"),
    ]
    out = tmp_path / "report"
    monkeypatch.setattr("sys.argv", ["report", *map(str, records), "--out", str(out)])
    report.main()
    return out.with_suffix(".md").read_text(), out.with_suffix(".html").read_text()


def test_tables_hold_what_the_records_hold(tmp_path: Path, monkeypatch: Any) -> None:
    text, html = _made(tmp_path, monkeypatch)
    assert "| 32 | 62.0 ± 2.8 | 42.0 ± 2.8 | 2.0× (1.5 to ≥ 2.0) |" in text
    assert "| 64 |  | 52.0 ± 2.8 |  |" in text
    assert "| RTE | 55.0 | validation | 2,490 | 12 |" in text
    assert "| m (masked) | 58.1 ± 0.4 | 57.0 |" in text
    assert "| stock | 52.0 ± 2.8 | 100 |\n| ours | 55.0 ± 0.0 | 40 |" in text
    assert "| ours − stock | +3.0 (−22.4 to 28.4) | × 0.40 |" in text
    assert "m, 500 train rows, all validation rows, 2 seeds, ours in fp32; whole processes" in text
    page = _Page()
    page.feed(html)
    for cell in ("62.0 ± 2.8", "2.0× (1.5 to ≥ 2.0)", "RTE", "58.1 ± 0.4"):
        assert cell in page.cells
    assert "trec, &lt;wiki&gt;" in html and "<wiki>" not in html


def test_an_end_that_is_a_bound_says_so() -> None:
    saving = {"labels": 32, "factor": 1.5, "low": 1.0, "high": 2.0, "is_below": False, **_SAVED}
    saving |= {"low_is_below": True, "high_is_below": False}
    assert saving_text(saving, "random weights") == "1.5× (≤ 1.0 to ≥ 2.0)"
    saving |= {"high": 1.0, "high_is_below": True, "high_is_bound": False}
    assert saving_text(saving, "random weights") == "1.5× (≤ 1.0 to ≤ 1.0)"


def test_the_page_draws_the_curves_and_fetches_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    _, html = _made(tmp_path, monkeypatch)
    assert html.count("<svg") == 1
    page = _Page()
    page.feed(html)
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"<(script|link|img|iframe)|@import|url\((?!#)", html)
    assert _made(tmp_path, monkeypatch)[1] == html  # drawn alike each time


def test_every_entry_says_what_it_was_measured_on(tmp_path: Path, monkeypatch: Any) -> None:
    """Entries of two machines, added to one record one after the other."""
    path = tmp_path / "both.json"
    for cores in (2, 96):
        own = {**circumstances({}), "processor": {"name": "a processor", "cores": cores}}
        entry = {**LABELS["trec, <wiki>"], **own}
        add_entries("label_efficiency", {f"trec, {cores}": entry}, path)
    monkeypatch.setattr("sys.argv", ["report", str(path), "--out", str(tmp_path / "report")])
    report.main()
    parts = (tmp_path / "report.md").read_text().split("## Labels saved: ")[1:]
    assert [part.splitlines()[0] for part in parts] == ["trec, 2", "trec, 96"]
    for part, cores in zip(parts, (2, 96), strict=True):
        assert f", {cores} cores of a processor, torch" in part


def test_what_is_no_record_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([1]))
    monkeypatch.setattr("sys.argv", ["report", str(path)])
    with pytest.raises(SystemExit, match=r"x\.json: is no record of a benchmark"):
        report.main()
