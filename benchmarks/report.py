"""Tables and curves from records alone: a Markdown file, and a page that opens without a network.

    python -m benchmarks.report [RECORD.json …] [--out report]

Without names, the records in benchmarks/results that have tables of this kind. Writes OUT.md and OUT.html.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.plots import drawing
from benchmarks.record import RESULTS
from benchmarks.report_sections import Section, sections
from mlm_pretrain.report import Block, Code, Drawing, Heading, Paragraph, Table, document, page

TITLE = "Results"


def main() -> None:
    """Read the records, write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("report"), help="without an ending")
    arguments = parser.parse_args()
    paths = arguments.records or sorted(RESULTS.glob("*.json"))
    found = [section for record in map(_read, paths) for section in sections(record)]
    blocks = [block for s in found for block in blocks_of(s, made_on(s.measured))]
    for ending, write in ((".md", document), (".html", page)):
        path = arguments.out.with_suffix(ending)
        path.write_text(write(TITLE, blocks), encoding="utf-8")
        print(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        record["benchmark"], record["results"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: is no record of a benchmark ({error})") from None
    return record


def made_on(measured: dict[str, Any]) -> str:
    """When, on what and with what it was measured, of a record or an entry of one."""
    processor, versions = measured["processor"], measured["versions"]
    return (
        f"{measured['measured_at'][:10]}, {processor['cores']} cores of {processor['name']}, "
        f"torch {versions['torch']}, transformers {versions['transformers']}"
    )


def blocks_of(section: Section, origin: str) -> list[Block]:
    """A section as a page has it; its curves too, which Markdown leaves out."""
    head, *rows = section.rows
    return [
        Heading(section.title),
        Code(section.command),
        Table(head, rows),
        *([Drawing(drawing(section))] if section.curves else []),
        *(Paragraph(note) for note in section.notes),
        Paragraph(origin, "small"),
    ]


if __name__ == "__main__":
    main()
