"""The flags that say what text is read and how, the same for every verb that reads a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mlm_pretrain.corpus import ReadOptions

Corpus = Annotated[
    list[str],
    typer.Option(
        "--corpus",
        help="Text: a file (.txt .jsonl .csv, also .gz or .zst, and .parquet), a folder, a glob, "
        "installed-docs, or hf:NAME[:config][@split][#revision]. Repeat the flag for several.",
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
MaxBadRows = Annotated[
    int,
    typer.Option(
        "--max-bad-rows", help="Rows without usable text to skip and count before stopping."
    ),
]
LimitDocuments = Annotated[
    int | None,
    typer.Option("--limit-documents", min=1, help="Read only the first ones. Default: all."),
]
SkipCorrupt = Annotated[
    bool,
    typer.Option("--skip-corrupt", help="Skip and count damaged files instead of stopping."),
]

_SETTINGS = (
    "text_field", "text_unit", "errors", "max_bad_rows", "limit_documents", "skip_corrupt",
)  # fmt: skip


def reading_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The reading settings among a verb's arguments."""
    return {name: given[name] for name in _SETTINGS}


def what_happened(counts: Mapping[str, Any]) -> list[str]:
    """A line on what was skipped, cut and replaced while a corpus was read, if anything was."""
    from mlm_pretrain.corpus.audit import incidents

    found = incidents(counts)
    listed = ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in found.items())
    return [f"while reading: {listed}"] if found else []


def flags_unlike_default(reading: ReadOptions) -> list[str]:
    """The reading flags as the next command must repeat them."""
    words: list[str] = []
    for name in _SETTINGS:
        value = getattr(reading, name)
        if value != type(reading).model_fields[name].default:
            words += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
    return words
