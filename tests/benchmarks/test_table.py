"""The pages show what the records hold."""

from __future__ import annotations

import pytest

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
