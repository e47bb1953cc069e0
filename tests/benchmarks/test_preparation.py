"""What is timed of the two ways to prepare text, and what is not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks import preparation

_SLOW_SECONDS = 3.0


def test_counting_the_text_is_on_nobody_s_time(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    """Of stock, which does not count it; a slow counter does not make it any slower."""
    jsonl = tmp_path / "corpus.jsonl"
    few = [*texts[:20], "dûe, naïvely"]
    jsonl.write_text("".join(json.dumps({"text": t}) + "\n" for t in few), encoding="utf-8")
    count = preparation._text_bytes

    def slowly(path: Path) -> int:
        time.sleep(_SLOW_SECONDS)
        return count(path)

    monkeypatch.setattr(preparation, "_text_bytes", slowly)
    began = time.perf_counter()
    found = preparation._measure("stock", jsonl, tokenizer_folders["wordpiece"], tmp_path / "out")
    whole = time.perf_counter() - began
    assert found["text_bytes"] == sum(len(text.encode()) for text in few)
    assert 0 < found["seconds"] < whole - _SLOW_SECONDS
