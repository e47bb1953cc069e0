"""The pages show what the records hold."""

from __future__ import annotations

import json

import pytest

from benchmarks import objectives_table
from benchmarks.record import RESULTS, entries_of
from benchmarks.table import PAGES, ROOT, with_tables

MEASURES = {
    "README.md": "tokens/s",
    "recipes/README.md": "| default |",
    "mlm_pretrain/objectives/README.md": "| mlm |",
}


@pytest.mark.parametrize(("name", "measure"), MEASURES.items())
def test_a_page_is_written_from_the_records(name: str, measure: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert with_tables(text, name) == text, "run python -m benchmarks.table"
    assert measure in text
    assert list(PAGES) == list(MEASURES)


def test_runs_of_several_machines_say_which_is_whose() -> None:
    record = json.loads((RESULTS / "objectives.json").read_text(encoding="utf-8"))
    runs = entries_of(record)
    together = objectives_table.text_of(runs)
    assert f"2 cores ({record['processor']['name']}) in bf16, those marked" in together
    assert "those marked" not in objectives_table.text_of({"mlm": runs["mlm"]})
    late = {"hybrid": {**runs["hybrid"], "processor": {"name": "Another", "cores": 8}}}
    few = {"mlm": runs["mlm"], "replaced": runs["replaced"], **late}  # as it was added: last
    assert "2 cores (AMD EPYC: mlm, replaced) or 8 cores (Another: hybrid)" in (
        objectives_table.text_of(few)
    )
    rows = objectives_table.rows_of(few)
    assert [row[0] for row in rows] == ["mlm", "hybrid", "replaced"]
    assert set(rows) < set(objectives_table.rows_of(runs))
