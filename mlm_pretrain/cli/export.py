"""`mlm-pretrain export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm_pretrain.cli.output import Json, Overwrite, finish
from mlm_pretrain.cli.push import Private, pushed_line
from mlm_pretrain.errors import InputError


def export(
    run: Annotated[Path, typer.Argument(help="Folder that `mlm-pretrain pretrain` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder for the exported model.")],
    overwrite: Overwrite = False,
    push_to: Annotated[
        str | None, typer.Option(help="Then push it to this USER/NAME on the Hugging Face Hub.")
    ] = None,
    private: Private = False,
    as_json: Json = False,
) -> None:
    """Write a run's model as a standard `from_pretrained` folder, and check that it reopens equal.

    The folder holds safetensors, config, tokenizer and a model card with the facts of the run. An
    unfinished run exports its newest complete checkpoint.
    """
    from mlm_pretrain.hub import check_access, push

    if private and not push_to:
        raise InputError("--private: nothing is pushed", "add --push-to USER/NAME")
    if push_to:
        check_access(push_to, private)
    from mlm_pretrain.export import export as run_export

    result = run_export(run, out, overwrite=overwrite)
    lines = [
        f"wrote {result['out']}: {result['parameters']:,} parameters, reopened with equal scores",
    ]
    if push_to:
        result["pushed"] = push(out, push_to, private=private)
        lines.append(pushed_line(result["pushed"]))
    following = f"mlm-pretrain finetune sentiment --model {out} --train F --validation F --out DIR"
    finish(result, as_json, lines, following)
