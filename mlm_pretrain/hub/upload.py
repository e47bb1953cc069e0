"""Pushing a model in one commit, and finding out before hours of work whether one could."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlm_pretrain.errors import InputError
from mlm_pretrain.hub.asking import TIMEOUT_SECONDS, PushError, ask_hub
from mlm_pretrain.hub.explaining import stored_tokens
from mlm_pretrain.hub.repository import (
    check_metadata,
    head,
    look_ahead,
    open_repository,
    try_writing,
)
from mlm_pretrain.hub.selection import CARD, WEIGHTS, Selection, choose, scanned
from mlm_pretrain.manifest import versions
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_COMMIT_HASH = re.compile("[0-9a-f]{40}")
_LOOKUP_SECONDS = 10.0


def check_access(
    repo: str, private: bool = True, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Find out before any work whether `repo` can be pushed to; it is created where there is none.

    The token is the environment's or the login's, never a parameter: parameters end up in logs.

    Raises:
        InputError: when the name is no USER/NAME.
        PushError: when the Hub cannot be reached, the token may not write there, or `repo` is public and
            `private` is asked for.
    """
    check_name(repo)

    def find_out(api: HfApi) -> None:
        open_repository(api, repo, private)
        try_writing(api, repo)

    ask_hub(find_out, repo, timeout_seconds)


def check_name(repo: str) -> None:
    """Refuse what cannot be a repository, without the network.

    Raises:
        InputError: when it is not USER/NAME by the Hub's own rules.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    way_out = "give it as USER/NAME, such as ada/tiny-bert"
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(redacted(str(error)), way_out) from None
    if "/" not in repo:
        raise InputError(f"{redacted(repo)}: names no user or organisation", way_out)


class _Order(NamedTuple):
    """What a push was asked for."""

    folder: Path
    repo: str
    private: bool
    revision: str | None
    message: str | None
    timeout_seconds: float

    def command(self) -> str:
        """The same push as a command, without secrets."""
        words = ["mlm-pretrain", "push", str(self.folder), "--repo", self.repo]
        words += [] if self.private else ["--public"]
        words += ["--revision", self.revision] if self.revision else []
        words += ["--message", redacted(self.message, stored_tokens())] if self.message else []
        if self.timeout_seconds != TIMEOUT_SECONDS:
            words += ["--timeout-seconds", f"{self.timeout_seconds:g}"]
        return shlex.join(words)


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = True,
    revision: str | None = None,
    message: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Upload the model in `folder` to the Hub in one commit. The folder is only read.

    The token and the right to write are tried first, before large files are read. Weights are sent file
    by file, and the Hub keeps each that arrived whole, so that a push that was cut off goes on with the
    first that did not. What it has already is not sent, and where that is all, no commit is made.

    Args:
        folder: what `export` or `finetune` wrote, or a folder that has such a one as `model/`.
        private: for a repository that is created now; one that exists must be private already. False makes
            a new one public, and pushes to either; who sees an existing one is never changed.
        revision: a branch, made if there is none.
        timeout_seconds: for every wait within a request; see `ask_hub` for the limit of the whole.

    Returns:
        `repo`, `url`, `private`, `revision`, `commit` (its hash), `is_new` (False where the Hub had it all),
        `folder`, `files`, `bytes` and `left_out`.

    Raises:
        InputError: when `folder` holds no model to push, or `repo` is no USER/NAME.
        PushError: when a file may not be made public or the Hub refuses, with the command to retry.
    """
    check_name(repo)
    order = _Order(Path(folder), repo, private, revision, message, timeout_seconds)
    try:
        chosen = choose(folder)
        ask_hub(lambda api: look_ahead(api, repo, private), repo, timeout_seconds)
        chosen = scanned(chosen)
        chosen.refuse_findings()
        for name in chosen.left_out:
            say(f"{chosen.folder / name}: left out, being no part of a model")
        done = ask_hub(lambda api: _commit(api, chosen, order), repo, timeout_seconds, chosen.bytes)
    except PushError as error:
        error.folder, error.retry = str(folder), order.command()
        raise error from None
    except KeyboardInterrupt:
        say(f"to go on, without what arrived already: {order.command()}")
        raise
    return {
        "repo": repo, "revision": revision or "main", **done, "folder": str(chosen.folder),
        "files": list(chosen.files), "bytes": chosen.bytes, "left_out": chosen.left_out,
    }  # fmt: skip


def resolve_commit(name: str, revision: str | None = None) -> str | None:
    """The commit that a Hub name and revision stand for now; None for a folder, or without an answer.

    It is for the record alone, so nothing that goes wrong here stops anyone.
    """
    from huggingface_hub import HfApi

    try:
        if Path(name).exists():
            return None
        if revision and _COMMIT_HASH.fullmatch(revision):
            return revision
        return HfApi().model_info(name, revision=revision, timeout=_LOOKUP_SECONDS).sha
    except Exception:
        return None


def _commit(api: HfApi, chosen: Selection, order: _Order) -> dict[str, Any]:
    """Of the commit that holds the model: its hash, whether it is a new one, where, and who sees it."""
    from huggingface_hub import CommitOperationAdd

    repo, revision = order.repo, order.revision
    if CARD in chosen.files:
        check_metadata(chosen.folder / CARD)
    is_private = open_repository(api, repo, order.private)
    if revision and not revision.startswith("refs/"):
        api.create_branch(repo, branch=revision, exist_ok=True)
    before = head(api, repo, revision)
    operations = [CommitOperationAdd(name, str(chosen.folder / name)) for name in chosen.files]
    message = redacted(order.message or _default_message(), stored_tokens())
    # One at a time, each to its end: side by side, all would be half sent when the line breaks.
    for weights in (o for o in operations if o.path_in_repo.endswith(WEIGHTS)):
        api.preupload_lfs_files(repo, [weights], revision=revision, free_memory=False)
    # Not `upload_folder`, which may spread a folder over several commits: half a model is none.
    commit = api.create_commit(repo, operations, commit_message=message, revision=revision)
    ignored = [o.path_in_repo for o in operations if getattr(o, "_should_ignore", False)]
    if ignored:
        raise PushError(
            f"{repo}: its .gitignore keeps out {', '.join(ignored)}", "remove it there, push again"
        )
    return {
        "url": commit.commit_url.partition("/commit/")[0], "private": is_private,
        "commit": commit.oid, "is_new": commit.oid != before,
    }  # fmt: skip


def _default_message() -> str:
    return f"Upload model with mlm-pretrain {versions()['mlm_pretrain']}"
