"""`mlm-pretrain export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm_pretrain.cli.output import Json, Overwrite, finetuning, finish
from mlm_pretrain.cli.push import Private, PushTo, is_private, pushed_line, require_access


def export(
    run: Annotated[Path, typer.Argument(help="Folder that `mlm-pretrain pretrain` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder for the exported model.")],
    overwrite: Overwrite = False,
    push_to: PushTo = None,
    private: Private = None,
    as_json: Json = False,
) -> None:
    """Write a run's model as a standard `from_pretrained` folder, and check that it reopens equal.

    The folder holds safetensors, config, tokenizer and a model card with the facts of the run. An
    unfinished run exports its newest complete checkpoint.
    """
    require_access(push_to, private)
    from mlm_pretrain.export import export as run_export
    from mlm_pretrain.hub import push

    result = run_export(run, out, overwrite=overwrite)
    lines = [
        f"wrote {result['out']}: {result['parameters']:,} parameters, reopened with equal scores",
    ]
    if push_to:
        result["pushed"] = push(out, push_to, private=is_private(private))
        lines.append(pushed_line(result["pushed"]))
    finish(result, as_json, lines, finetuning(out))
