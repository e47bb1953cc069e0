"""`mlm-pretrain tokenizer report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm_pretrain.cli import reading
from mlm_pretrain.cli.output import Json, finish, table
from mlm_pretrain.cli.tokenizer.following import preparing


def report(
    corpus: reading.Corpus,
    tokenizer: Annotated[
        Path, typer.Option("--tokenizer", help="Folder that holds a tokenizer.json.")
    ],
    text_field: reading.TextField = "text",
    text_unit: reading.TextUnit = "line",
    errors: reading.Errors = "strict",
    max_bad_rows: reading.MaxBadRows = 0,
    limit_documents: reading.LimitDocuments = None,
    skip_corrupt: reading.SkipCorrupt = False,
    as_json: Json = False,
) -> None:
    """Measure a tokenizer on a text: tokens a word, unknown share, exactness of decoding."""
    from mlm_pretrain.config import build_config
    from mlm_pretrain.corpus import ReadOptions
    from tokenizer_training import report_tokenizer

    # The limit is of the measurement, and nothing that the next command should repeat.
    values = {**reading.reading_of(locals()), "limit_documents": None}
    options = build_config(ReadOptions, values, "tokenizer report")
    result = report_tokenizer(tokenizer, corpus, options, limit_documents)
    lines = table(("tokenizer", str(tokenizer)), list(result.items())[1:])
    finish(result, as_json, lines, preparing(corpus, tokenizer, options))
