"""The flags that say what text is read and how, the same for every verb that reads a corpus."""

from __future__ import annotations

from typing import Annotated

import typer

Corpus = Annotated[
    list[str],
    typer.Option(
        "--corpus",
        help="Text: a file (.txt .jsonl .csv .parquet, also .gz or .zst), a folder, a glob, "
        "installed-docs, or hf:NAME[:config][@split]. Repeat the flag for several.",
    ),
]
TextField = Annotated[
    str, typer.Option("--text-field", help="Field or column of the text (jsonl, csv, parquet).")
]
TextUnit = Annotated[
    str, typer.Option("--text-unit", help="One document of a .txt file: line, paragraph or file.")
]
Errors = Annotated[
    str,
    typer.Option(
        "--errors", help="At invalid UTF-8: strict stops, replace puts U+FFFD and counts it."
    ),
]


def flags_unlike_default(text_field: str, text_unit: str, errors: str) -> list[str]:
    """The reading flags as the next command must repeat them."""
    given = (
        ("--text-field", text_field, "text"),
        ("--text-unit", text_unit, "line"),
        ("--errors", errors, "strict"),
    )
    return [part for flag, value, default in given if value != default for part in (flag, value)]
