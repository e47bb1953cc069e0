"""What reading skips is said: by the plan, beside the measures, and in what is kept of the texts."""

from __future__ import annotations

import gzip
from pathlib import Path

from small import mentions_task, settings, write_documents

from mlm_pretrain.adapting import plan
from mlm_pretrain.adapting.card import _removed
from mlm_pretrain.cli.adapt_report import planned_lines


def test_nothing_is_skipped_without_a_word(texts: list[str], base: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    whole = write_documents(corpus / "a.jsonl", [*texts[:8], texts[0]])
    with Path(whole).open("a", encoding="utf-8") as file:
        file.write('{"body": "no text"}\n')
    packed = gzip.compress(Path(write_documents(tmp_path / "b", texts[8:])).read_bytes())
    (corpus / "b.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (corpus / "c.docx").write_text("of another kind")
    read = {"skip_corrupt": True, "drop_duplicates": True, "max_bad_rows": 1}
    facts = plan(
        settings(tmp_path, base, corpus=[str(corpus)], read=read, **mentions_task(tmp_path))
    )
    counts = facts["texts"]["domain"]["read"]
    for reason in ("corrupt_files", "exact_duplicate", "bad_rows", "skipped_files"):
        assert counts[reason] == 1, reason
    said = "\n".join(planned_lines(facts))
    assert "domain text, while reading: bad rows: 1, " in said
    assert "corrupt files: 1, exact duplicate: 1" in said
    assert "went whole, and 1 copies." in said
    assert _removed(facts["texts"])["while domain text was read: corrupt files"] == 1
