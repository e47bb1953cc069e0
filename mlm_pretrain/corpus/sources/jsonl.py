"""JSON lines: one object a line, the text in one of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.lines import Line, read_lines
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.shown import listing
from mlm_pretrain.corpus.sources.rows import bad_row


def read(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a .jsonl or .json file; the id is `path:line`.

    Raises:
        InputError: as `path:line`, past `options.max_bad_rows` rows without usable text.
    """
    skipping = 0
    for line in read_lines(path, options, audit, options.max_row_bytes):
        if line.unfinished or line.number == skipping:
            if line.number != skipping:
                problem = (
                    f"the row is longer than max_row_bytes = {options.max_row_bytes} (set in the "
                    "`read:` section of a recipe)"
                )
                bad_row(f"{path}:{line.number}", problem, options, audit)
            skipping = line.number
            continue
        if not line.text or line.text.isspace():
            audit.counts["blank_rows"] += 1
            continue
        text, problem = _text_of(line, options.text_field)
        if text is None:
            bad_row(f"{path}:{line.number}", problem, options, audit)
        else:
            yield Document(text, f"{path}:{line.number}")


def _text_of(line: Line, field: str) -> tuple[str | None, str]:
    """The text of a row, or None and what is wrong with the row."""
    try:
        row = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        hint = "; one object a line is needed" if line.number == 1 else ""
        return None, f"not JSON ({error}){hint}"
    if not isinstance(row, dict):
        hint = " (for a list of objects: jq -c '.[]')" if isinstance(row, list) else ""
        return None, f"a JSON {type(row).__name__}, not an object{hint}"
    if field not in row:
        return None, f"no field '{field}' (fields: {listing(row)}); text_field names another"
    text = row[field]
    if not isinstance(text, str):
        return None, f"field '{field}' is {type(text).__name__}, not text"
    return text, ""
