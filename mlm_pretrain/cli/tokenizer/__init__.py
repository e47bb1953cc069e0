"""`mlm-pretrain tokenizer …`: one file a verb."""

from __future__ import annotations

import typer

from mlm_pretrain.cli.tokenizer.extend import extend
from mlm_pretrain.cli.tokenizer.report import report
from mlm_pretrain.cli.tokenizer.train import train

app = typer.Typer(
    help="Train a tokenizer of your own text, extend one by words of your field, or measure how well one "
    "suits it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for verb in (train, extend, report):
    app.command(verb.__name__)(verb)
