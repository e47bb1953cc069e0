"""`mlm-pretrain push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlm_pretrain.cli.output import DryRun, Json, finetuning, finish, is_first_process, table
from mlm_pretrain.errors import InputError
from mlm_pretrain.hub import TIMEOUT_SECONDS
from mlm_pretrain.manifest import own_manifest

Private = Annotated[
    bool | None,
    typer.Option(
        "--private/--public", show_default=False,
        help="A repository that is made is for you alone, or for everyone; one that is there and public is "
        "pushed to with --public only. [default: private]",
    ),
]  # fmt: skip
_CARD_LINES = 20


def push(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder that `export`, `adapt` or `finetune` wrote."),
    ],
    repo: Annotated[
        str, typer.Option("--repo", "--to", help="Repository on the Hugging Face Hub: USER/NAME.")
    ],
    private: Private = None,
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
    """Upload a model to the Hugging Face Hub in one commit.

    Only files of known names are uploaded, after a look for tokens, keys and paths of this machine; --dry-run
    lists them, with the sentences of text that the card shows. A push that was cut off goes on when it is
    given again: files that arrived are not sent twice.
    The token comes from HF_TOKEN or `hf auth login`. If nothing was pushed, the exit code is 3; for a
    folder that holds no model, 2.
    """
    from mlm_pretrain import hub

    if dry_run:
        hub.check_name(repo)
        _show(hub.select(folder), repo, is_private(private), as_json)
        return
    result = hub.push(
        folder, repo, private=is_private(private), revision=revision, message=message,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    finish(result, as_json, [pushed_line(result)], _next(result))


def _next(result: dict[str, Any]) -> str:
    """How to fine-tune what was pushed, unless it is fine-tuned."""
    manifest = own_manifest(Path(result["folder"]))
    is_exported = manifest is not None and manifest.stage == "export"
    return finetuning(result["folder"], result["repo"]) if is_exported else ""


def is_private(given: bool | None) -> bool:
    """What `--private/--public` means, also where neither was given."""
    return given is not False


def pushed_line(result: dict[str, Any]) -> str:
    """What a push did, for a person."""
    amount = f"{len(result['files'])} files, {result['bytes'] / 1e6:.1f} MB"
    visibility = "private" if result["private"] else "public"
    where = f"{result['url']} (commit {result['commit'][:12]}, {visibility})"
    if not result["is_new"]:
        return f"nothing to do: the {amount} are already on {where}"
    return f"pushed {amount} to {where}"


PushTo = Annotated[
    str | None,
    typer.Option(
        help="Push the result to this USER/NAME on the Hugging Face Hub; tried out first."
    ),
]


def require_access(to: str | None, private: bool | None) -> None:
    """Find out before hours of work whether its result may be pushed."""
    from mlm_pretrain.hub import check_access

    if private is not None and not to:
        flag = "--private" if private else "--public"
        raise InputError(f"{flag}: nothing is pushed", "add --push-to USER/NAME")
    if to and is_first_process():
        check_access(to, is_private(private))


def push_trained(result: dict[str, Any], to: str | None, private: bool | None) -> dict[str, Any]:
    """The result of a training with what was pushed of it; its model is exported for that."""
    if not to or not is_first_process():
        return result
    from mlm_pretrain.export import export
    from mlm_pretrain.hub import push as push_folder

    if "model_folder" not in result:
        exported = export(result["out"], Path(result["out"]) / "exported", overwrite=True)
        result = {**result, "model_folder": exported["out"]}
    pushed = push_folder(result["model_folder"], to, private=is_private(private))
    return {**result, "pushed": pushed}


def _show(chosen: Any, repo: str, private: bool, as_json: bool) -> None:
    """The plan, and then the refusal if the files would be refused."""
    rows = [(name, f"{size:,}") for name, size in chosen.files.items()]
    where = f"from {chosen.folder} to {repo}"
    lines = [f"{where}, {'private' if private else 'public'}"]
    lines += table(["file", "bytes"], [*rows, ("all", f"{chosen.bytes:,}")])
    lines += [f"left out: {name}" for name in chosen.left_out]
    lines += [f"refused: {finding}" for finding in chosen.findings]
    lines += [] if chosen.findings else ["no token, key or home path found"]
    card = chosen.card(_CARD_LINES)
    examples = [] if chosen.findings else chosen.examples
    if not chosen.findings:  # else it may be the card that holds what nobody should read
        lines += ["its card begins:" if card else "it has no card", *(f"  {line}" for line in card)]
    lines += ["sentences that its page shows:"] * bool(examples)
    lines += [f"  {text}" for text in examples]
    result = {
        "repo": repo, "private": private, "folder": str(chosen.folder), "files": chosen.files,
        "bytes": chosen.bytes, "left_out": chosen.left_out, "findings": chosen.findings,
        "card": [] if chosen.findings else card, "examples": examples,
    }  # fmt: skip
    finish(result, as_json, lines)
    chosen.refuse_findings()
