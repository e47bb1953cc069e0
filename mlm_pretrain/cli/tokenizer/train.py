"""`mlm-pretrain tokenizer train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli import reading
from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table
from mlm_pretrain.cli.tokenizer.following import preparing

DEFAULT_VOCAB_SIZE = 8192


def train(
    corpus: reading.Corpus,
    out: Annotated[Path, typer.Option("--out", help="Folder to write, new or empty.")],
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm",
            help="wordpiece (as BERT), byte-bpe (as RoBERTa: any text, exact round trip), bpe "
            "(characters, bytes for rare ones), or unigram (as SentencePiece).",
        ),
    ] = "wordpiece",
    vocab_size: Annotated[
        int, typer.Option("--vocab-size", help="Exact number of entries, special tokens included.")
    ] = DEFAULT_VOCAB_SIZE,
    cased: Annotated[
        bool,
        typer.Option(
            "--cased", help="wordpiece: keep upper case and accents (the others always do)."
        ),
    ] = False,
    sample_bytes: Annotated[
        int | None,
        typer.Option(
            "--sample-bytes",
            help="Bytes of text to learn from at most; a larger corpus is sampled evenly by whole "
            "documents. Default 536870912 (512 MiB).",
        ),
    ] = None,
    alphabet_limit: Annotated[
        int | None,
        typer.Option(
            "--alphabet-limit",
            help="Characters the vocabulary may hold at most. Default: 1000, or where a script has "
            "more, up to three quarters of the vocabulary.",
        ),
    ] = None,
    sentinels: Annotated[
        int,
        typer.Option(
            "--sentinels",
            help="Tokens <extra_id_0> and on, of --vocab-size, that stand for spans of text: 100 for "
            "training an encoder with a decoder as T5 does.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    text_field: reading.TextField = "text",
    text_unit: reading.TextUnit = "line",
    errors: reading.Errors = "strict",
    max_bad_rows: reading.MaxBadRows = 0,
    limit_documents: reading.LimitDocuments = None,
    skip_corrupt: reading.SkipCorrupt = False,
    model_max_length: Annotated[
        int,
        typer.Option("--model-max-length", help="Tokens the model will take, special ones too."),
    ] = 512,
    dry_run: DryRun = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a tokenizer. The same text and settings give the same file, byte for byte."""
    from mlm_pretrain.config import build_config
    from tokenizer_training import TokenizerConfig, plan_tokenizer, train_tokenizer

    values: dict[str, Any] = {
        "cased": cased,
        "alphabet_limit": alphabet_limit,
        "sentinels": sentinels,
        "seed": seed,
        "model_max_length": model_max_length,
        "reading": reading.reading_of(locals()),
    }
    if sample_bytes is not None:
        values["sample_bytes"] = sample_bytes
    config = build_config(TokenizerConfig, values, "tokenizer train")
    if dry_run:
        plan = plan_tokenizer(corpus, algorithm, vocab_size, out, config, overwrite)
        finish(plan, as_json, table(("would train", ""), list(plan.items())))
        return
    result = train_tokenizer(corpus, algorithm, vocab_size, out, config, overwrite)
    finish(result, as_json, _describe(result), preparing(corpus, out, config.reading))


def _describe(result: dict[str, Any]) -> list[str]:
    counts = {name: count for name, count in result["counts"].items() if name != "corpus"}
    rows = [(name.replace("_", " "), count) for name, count in counts.items()]
    return [
        f"{result['algorithm']} tokenizer of {result['vocab_size']} entries in {result['folder']}"
        f" ({result['seconds']} s)",
        f"sha256 {result['sha256']}",
        *table(("counted", ""), rows),
        *reading.what_happened(result["counts"]["corpus"]),
    ]
