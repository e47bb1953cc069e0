"""`mlm-pretrain fill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm_pretrain.cli.output import Json, finish, table


def fill(
    text: Annotated[str, typer.Argument(help='Text with [MASK], such as "Paris is in [MASK]."')],
    model: Annotated[Path, typer.Option(help="Folder of a masked model.")],
    top: Annotated[int, typer.Option(help="Guesses a mask.", min=1)] = 5,
    as_json: Json = False,
) -> None:
    """What the model puts in place of each [MASK], with probabilities."""
    from mlm_pretrain.evaluation.fill import fill as run_fill

    result = run_fill(model, text, top)
    lines: list[str] = []
    for number, guesses in enumerate(result["masks"], 1):
        header = [f"mask {number}", "probability"]
        lines += table(header, [[g["token"], f"{g['probability']:.4f}"] for g in guesses])
    finish(result, as_json, lines)
