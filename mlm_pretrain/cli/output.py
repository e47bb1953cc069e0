"""How every verb ends: one JSON object, or lines for a person that name the next command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.environment import process_rank

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object of the result on stdout instead.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, in numbers, and stop.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what this package wrote in --out before.")
]


def is_first_process() -> bool:
    """Whether this is the process that speaks, under torchrun or accelerate as alone."""
    return process_rank() == 0


def finish(
    result: dict[str, Any], as_json: bool, lines: Sequence[str], next_command: str = ""
) -> None:
    """Print the end of a verb on stdout: `result` as JSON, or `lines` and the next command.

    Under torchrun or accelerate only the first process speaks.
    """
    if not is_first_process():
        return
    if as_json:
        json.dump(result, sys.stdout, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
        return
    for line in lines:
        print(line)
    if next_command:
        print(f"next: {next_command}")


def finetuning(folder: str | Path, model: str = "") -> str:
    """A command that fine-tunes the model in `folder`, on what it can do, under the name `model`."""
    settings = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    start = f"--model {model or folder}"
    if settings.get("is_encoder_decoder"):
        return f"mlm-pretrain finetune summarization {start} --train installed-docs --out DIR"
    return f"mlm-pretrain finetune sentiment {start} --train F --validation F --out DIR"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a plain aligned table: first column left, the others right."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return [_align(row, widths) for row in cells]


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([first, *rest]).rstrip()
