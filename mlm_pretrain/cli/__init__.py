"""The command line: one file a verb; each parses, calls one function and prints."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm_pretrain.cli import tokenizer
from mlm_pretrain.cli.adapt import adapt
from mlm_pretrain.cli.compare import compare
from mlm_pretrain.cli.demo import demo
from mlm_pretrain.cli.domain import domain
from mlm_pretrain.cli.env import env
from mlm_pretrain.cli.evaluate import evaluate
from mlm_pretrain.cli.export import export
from mlm_pretrain.cli.fill import fill
from mlm_pretrain.cli.finetune import finetune
from mlm_pretrain.cli.prepare import prepare
from mlm_pretrain.cli.pretrain import pretrain
from mlm_pretrain.cli.push import push
from mlm_pretrain.cli.robustness import robustness
from mlm_pretrain.cli.search import search
from mlm_pretrain.cli.worth import worth
from mlm_pretrain.manifest import versions

app = typer.Typer(
    name="mlm-pretrain",
    help="A language model of your own text: tokenizer, pretraining, export, fine-tuning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(tokenizer.app, name="tokenizer")
_VERBS = (
    domain, adapt, worth, prepare, pretrain, export, push, finetune, search, robustness, compare, evaluate,
    fill, demo, env,
)  # fmt: skip
for verb in _VERBS:
    app.command(verb.__name__)(verb)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mlm-pretrain {versions()['mlm_pretrain']}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """A language model of your own text: tokenizer, pretraining, export, fine-tuning."""
