"""`mlm-pretrain push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli.output import DryRun, Json, finetuning, finish, is_first_process, table
from mlm_pretrain.errors import InputError
from mlm_pretrain.hub import TIMEOUT_SECONDS

Private = Annotated[
    bool, typer.Option("--private", help="Make the repository private if it is new.")
]


def push(
    folder: Annotated[Path, typer.Argument(help="Folder that `mlm-pretrain export` wrote.")],
    to: Annotated[str, typer.Option(help="Repository on the Hugging Face Hub: USER/NAME.")],
    private: Private = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch, made if there is none. [default: main]")
    ] = None,
    message: Annotated[str | None, typer.Option(help="Message of the commit.")] = None,
    timeout_seconds: Annotated[
        float, typer.Option(help="How long to wait for each answer of the Hub.", min=0.1)
    ] = TIMEOUT_SECONDS,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Upload an exported model to the Hugging Face Hub in one commit.

    Only files of known names are uploaded, after a look for tokens, keys and paths of this machine.
    The token comes from HF_TOKEN or `hf auth login`. If nothing was pushed, the exit code is 3.
    """
    from mlm_pretrain import hub

    if dry_run:
        hub.check_name(to)
        _show(hub.select(folder), to, as_json)
        return
    result = hub.push(
        folder, to, private=private, revision=revision, message=message,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    finish(result, as_json, [pushed_line(result)], finetuning(folder, to))


def pushed_line(result: dict[str, Any]) -> str:
    """What a push did, for a person."""
    amount = f"{len(result['files'])} files, {result['bytes'] / 1e6:.1f} MB"
    return f"pushed {amount} to {result['url']} (commit {result['commit'][:12]})"


PushTo = Annotated[
    str | None,
    typer.Option(
        help="Push the result to this USER/NAME on the Hugging Face Hub; tried out first."
    ),
]


def require_access(to: str | None, private: bool) -> None:
    """Find out before hours of work whether its result may be pushed."""
    from mlm_pretrain.hub import check_access

    if private and not to:
        raise InputError("--private: nothing is pushed", "add --push-to USER/NAME")
    if to and is_first_process():
        check_access(to, private)


def push_trained(result: dict[str, Any], to: str | None, private: bool) -> dict[str, Any]:
    """The result of a training with what was pushed of it; its model is exported for that."""
    if not to or not is_first_process():
        return result
    from mlm_pretrain.export import export
    from mlm_pretrain.hub import push as push_folder

    if "model_folder" not in result:
        exported = export(result["out"], Path(result["out"]) / "exported", overwrite=True)
        result = {**result, "model_folder": exported["out"]}
    return {**result, "pushed": push_folder(result["model_folder"], to, private=private)}


def _show(chosen: Any, to: str, as_json: bool) -> None:
    """The plan, and then the refusal if the files would be refused."""
    rows = [(name, f"{size:,}") for name, size in chosen.files.items()]
    lines = [*table(["to " + to, "bytes"], [*rows, ("all", f"{chosen.bytes:,}")])]
    lines += [f"left out: {name}" for name in chosen.left_out]
    lines += [f"refused: {finding}" for finding in chosen.findings]
    lines += [] if chosen.findings else ["no token, key or home path found"]
    result = {
        "repo": to, "files": chosen.files, "bytes": chosen.bytes, "left_out": chosen.left_out,
        "findings": chosen.findings,
    }  # fmt: skip
    finish(result, as_json, lines)
    chosen.refuse_findings()
