"""`mlm-pretrain tokenizer extend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli import reading
from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table
from mlm_pretrain.cli.tokenizer.following import preparing

DEFAULT_WORDS = 2000
_SHOWN = 10


def extend(
    tokenizer: Annotated[
        str,
        typer.Option(
            "--tokenizer", help="Folder with a tokenizer.json (a model's too), or a Hub name."
        ),
    ],
    corpus: reading.Corpus,
    out: Annotated[Path, typer.Option("--out", help="Folder to write, new or empty.")],
    words: Annotated[
        int, typer.Option("--words", help="Words to add at most: those that save most tokens.")
    ] = DEFAULT_WORDS,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            help="General text, as --corpus: its words keep their ids, but for the new ones. Repeat it.",
        ),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation", help="Held-out text to measure the savings on. Repeat the flag."
        ),
    ] = None,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Occurrences that a word needs.")
    ] = 5,
    min_documents: Annotated[
        int, typer.Option("--min-documents", help="Documents that it must stand in.")
    ] = 3,
    derived: Annotated[
        str,
        typer.Option(
            "--derived",
            help="Other words of the corpus (lymphocytes, once lymphocyte is added): shorter lets them get "
            "fewer tokens, same leaves them as they are.",
        ),
    ] = "shorter",
    limit_to: Annotated[
        Path | None,
        typer.Option("--limit-to", help="File with the only words that may be added, one a line."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Commit or branch of a tokenizer from the Hub.")
    ] = None,
    sample_bytes: Annotated[
        int | None,
        typer.Option("--sample-bytes", help="Bytes to choose from at most. Default 512 MiB."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
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
    """Add whole words of a field to a tokenizer; its old entries and their ids stay."""
    from mlm_pretrain.config import build_config
    from tokenizer_training import ExtendConfig, extend_tokenizer, plan_extension

    values: dict[str, Any] = {
        "keep": keep or [],
        "validation": validation or [],
        "min_count": min_count,
        "min_documents": min_documents,
        "derived": derived,
        "revision": revision,
        "seed": seed,
        "reading": reading.reading_of(locals()),
    }
    if sample_bytes is not None:
        values["sample_bytes"] = sample_bytes
    config = build_config(ExtendConfig, values, "tokenizer extend")
    work = plan_extension if dry_run else extend_tokenizer
    result = work(tokenizer, corpus, words, out, config, overwrite, _listed(limit_to))
    following = "" if dry_run else preparing(corpus, out, config.reading)
    finish(result, as_json, _describe(result, dry_run), following)


def _listed(path: Path | None) -> list[str] | None:
    from mlm_pretrain.errors import InputError

    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--limit-to {path}: cannot be read ({error})") from None
    return [line.strip() for line in lines if line.strip()]


def _describe(result: dict[str, Any], dry_run: bool) -> list[str]:
    verb = "would add" if dry_run else "added"
    entries = result["entries_after"] - result["entries_before"]
    between = entries - result["words"]
    also = f" and {between:,} entries on the way to them" if between else ""
    shown = [
        (example["word"], example["count"], example["saving"], " ".join(example["pieces"]))
        for example in result["examples"][:_SHOWN]
    ]
    left_out = [(name.replace("_", " "), count) for name, count in result["left_out"].items()]
    missing = ", ".join(result.get("files_left_out", []))
    return [
        f"{verb} {result['words']:,} words{also} to the {result['entries_before']:,} entries of "
        f"{result['base']} ({result['seconds']} s)",
        f"{result['mechanism']}: {result['promise']}",
        *_savings(result),
        *table(("word", "occurs", "tokens saved", "was"), shown),
        *table(("words left out", ""), left_out),
        *([f"not written, as they cannot say it: {missing}"] if missing else []),
        *reading.what_happened(result["counts"]["corpus"]["corpus"]),
    ]


def _savings(result: dict[str, Any]) -> list[str]:
    rows = []
    for name in ("corpus", "kept", "validation"):
        if found := result.get(name):
            before, after, changed = (
                found[part] for part in ("before", "after", "other_words_changed")
            )
            rows.append((
                name, f"{before['tokens']:,}", f"{after['tokens']:,}", f"{found['saved_share']:.1%}",
                f"{before['fertility']:.3f}", f"{after['fertility']:.3f}", before["unknown"],
                after["unknown"], f"{changed['occurrences'] / max(1, found['words']):.3%}",
            ))  # fmt: skip
    header = (
        "text",
        "tokens",
        "now",
        "saved",
        "a word",
        "now",
        "unknown",
        "now",
        "other words changed",
    )
    return table(header, rows)
