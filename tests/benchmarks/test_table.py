"""The README shows what the records hold."""

from __future__ import annotations

from benchmarks.table import README, with_table


def test_the_readme_is_written_from_the_records() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run python -m benchmarks.table"
    assert "tokens/s" in with_table(text)
