"""Tables and curves from records alone: a Markdown file, and a page that opens without a network.

    python -m benchmarks.report [RECORD.json …] [--out report]

Without names, the records in benchmarks/results that have tables of this kind. Writes OUT.md and OUT.html.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.markdown import markdown_table
from benchmarks.plots import drawing
from benchmarks.record import RESULTS
from benchmarks.report_sections import Section, sections

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;border-bottom:1px solid #ccc;"
    "text-align:right}td:first-child,th:first-child{text-align:left}code{background:#f3f3f3}"
    "small{color:#555}svg{max-width:100%;height:auto}"
)


def main() -> None:
    """Read the records, write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("report"), help="without an ending")
    arguments = parser.parse_args()
    paths = arguments.records or sorted(RESULTS.glob("*.json"))
    parts = [(s, made_on(s.measured)) for r in map(_read, paths) for s in sections(r)]
    for ending, text in ((".md", markdown(parts)), (".html", page(parts))):
        path = arguments.out.with_suffix(ending)
        path.write_text(text, encoding="utf-8")
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


def markdown(parts: Iterable[tuple[Section, str]]) -> str:
    """Tables alone."""
    blocks = []
    for section, origin in parts:
        notes = "\n".join([*section.notes, f"({origin})"])
        table = markdown_table(section.rows[0], section.rows[1:])
        blocks.append(f"## {section.title}\n\n`{section.command}`\n\n{table}\n\n{notes}\n")
    return "\n".join(blocks)


def page(parts: Iterable[tuple[Section, str]]) -> str:
    """Tables and drawings."""
    body = "\n".join(_html(section, origin) for section, origin in parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Results</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Results</h1>\n{body}\n</body></html>\n"
    )


def _html(section: Section, origin: str) -> str:
    head, *rest = (
        "".join(_cell(cell, n == 0) for cell in row) for n, row in enumerate(section.rows)
    )
    table = "".join(f"<tr>{row}</tr>" for row in (head, *rest))
    notes = "".join(f"<p>{escape(note)}</p>" for note in section.notes)
    return (
        f"<h2>{escape(section.title)}</h2>\n<p><code>{escape(section.command)}</code></p>\n"
        f"<table>{table}</table>\n{drawing(section)}\n{notes}<p><small>{escape(origin)}</small></p>"
    )


def _cell(text: str, is_head: bool) -> str:
    kind = "th" if is_head else "td"
    return f"<{kind}>{escape(text)}</{kind}>"


if __name__ == "__main__":
    main()
