"""`mlm-pretrain prepare`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli import reading
from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table


def prepare(
    corpus: reading.Corpus,
    tokenizer: Annotated[
        str, typer.Option(help="Folder with a tokenizer.json, or a name on the Hub.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write, new or empty.")],
    max_length: Annotated[
        int, typer.Option(help="Most tokens in a row, start and end tokens included.")
    ] = 512,
    tokenizer_revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a Hub tokenizer. [default: main]")
    ] = None,
    validation_share: Annotated[
        float, typer.Option(help="Share of the documents kept for validation (0 to below 1).")
    ] = 0.01,
    validation_corpus: Annotated[
        list[str] | None,
        typer.Option(help="Validate on this text instead of a share. Repeat for several."),
    ] = None,
    segments: Annotated[
        str,
        typer.Option(
            help="varied: training text in pieces of 16 to --max-length tokens, so that the model "
            "also learns short inputs; full: windows of --max-length. Validation is always full."
        ),
    ] = "varied",
    shortest_segment: Annotated[
        int, typer.Option(help="Fewest tokens in a varied piece, start and end included.")
    ] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the cuts.")] = 0,
    processes: Annotated[
        int | None,
        typer.Option(help="Processes that tokenise; the result is the same. Default: the cores."),
    ] = None,
    word_cache: Annotated[
        bool,
        typer.Option(
            "--word-cache/--no-word-cache",
            help="Tokenise each distinct word once, where that gives exactly the same ids.",
        ),
    ] = True,
    text_field: reading.TextField = "text",
    text_unit: reading.TextUnit = "line",
    errors: reading.Errors = "strict",
    max_bad_rows: reading.MaxBadRows = 0,
    limit_documents: reading.LimitDocuments = None,
    skip_corrupt: reading.SkipCorrupt = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Tokenise text into packed rows on disk, split into training and validation by document."""
    from mlm_pretrain import packing
    from mlm_pretrain.config import build_config

    values: dict[str, Any] = {
        "max_length": max_length,
        "tokenizer_revision": tokenizer_revision,
        "validation_share": validation_share,
        "validation_corpus": validation_corpus or [],
        "segments": segments,
        "shortest_segment": shortest_segment,
        "seed": seed,
        "processes": processes,
        "word_cache": word_cache,
        "read": reading.reading_of(locals()),
    }
    config = build_config(packing.PrepareConfig, values, "prepare")
    if dry_run:
        plan = packing.describe_plan(corpus, tokenizer, out, config)
        finish(plan, as_json, table(("would prepare", ""), list(plan.items())))
        return
    result = packing.prepare(corpus, tokenizer, out, config, overwrite)
    run_folder = Path(out).parent / "run"
    command = ["mlm-pretrain", "pretrain", "--data", str(out), "--out", str(run_folder)]
    finish(result, as_json, _describe(result), shlex.join(command))


_COLUMNS = ("documents", "empty_documents", "rows", "segments", "tokens", "text_bytes")


def _describe(result: dict[str, Any]) -> list[str]:
    rows = []
    for split in ("train", "validation"):
        counts = result[split]
        rows.append([split, *(f"{counts[name]:,}" for name in _COLUMNS), f"{counts['fill']:.1%}"])
    header = ["split", *(name.replace("_", " ") for name in _COLUMNS), "filled"]
    lines = [
        *table(header, rows),
        f"tokeniser path: {result['tokeniser_path']}, {result['processes']} processes, "
        f"{result['text_megabytes_per_second']} MB of text a second ({result['seconds']} s)",
    ]
    happened = reading.what_happened(result["corpus"])
    return [*lines, *happened, *(f"note: {note}" for note in result["notes"])]
