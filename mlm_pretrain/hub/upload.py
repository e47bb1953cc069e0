"""Pushing an exported model in one commit, and finding out before hours of work whether one could."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.hub.asking import TIMEOUT_SECONDS, PushError, ask_hub
from mlm_pretrain.hub.explaining import stored_tokens
from mlm_pretrain.hub.selection import Selection, select
from mlm_pretrain.manifest import versions
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

_COMMIT_HASH = re.compile("[0-9a-f]{40}")
_LOOKUP_SECONDS = 10.0


def check_access(
    repo: str, private: bool = False, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Find out before any work whether `repo` can be pushed to; it is created where there is none.

    The token is the environment's or the login's, never a parameter: parameters end up in logs.

    Raises:
        InputError: when the name is no USER/NAME.
        PushError: when the Hub cannot be reached, or the token may not write there.
    """
    check_name(repo)

    def try_writing(api: HfApi) -> None:
        from huggingface_hub import CommitOperationAdd

        _open_repository(api, repo, private)
        # The first request of every upload: the only one that tells of another's public repository
        # that it may be read but not written. Nothing is uploaded yet.
        api.preupload_lfs_files(repo, additions=[CommitOperationAdd("README.md", b"# Model\n")])

    ask_hub(try_writing, repo, timeout_seconds)


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


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Upload the exported model in `folder` to the Hub in one commit. The folder is only read.

    Args:
        private: for a repository that is created now; one that exists must be private already.
        revision: a branch, made if there is none.
        timeout_seconds: for every wait within a request; see `ask_hub` for the limit of the whole.

    Returns:
        `repo`, `url`, `revision`, `commit` (its hash), `files`, `bytes` and `left_out`.

    Raises:
        InputError: when `folder` is no exported model, or `repo` no USER/NAME.
        PushError: when a file may not be made public or the Hub refuses, with the command to retry.
    """
    check_name(repo)
    try:
        chosen = select(folder)
        chosen.refuse_findings()
        for name in chosen.left_out:
            say(f"{chosen.folder / name}: left out, being no part of a model")
        text = redacted(message or _default_message(), stored_tokens())
        commit = ask_hub(
            lambda api: _commit(api, chosen, repo, private, revision, text),
            repo, timeout_seconds, chosen.bytes,
        )  # fmt: skip
    except PushError as error:
        error.folder = str(folder)
        error.retry = _command(folder, repo, private, revision, message, timeout_seconds)
        raise error from None
    return {
        "repo": repo, "url": commit.commit_url.partition("/commit/")[0], "revision": revision or "main",
        "commit": commit.oid, "files": list(chosen.files), "bytes": chosen.bytes,
        "left_out": chosen.left_out,
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


def _open_repository(api: HfApi, repo: str, private: bool) -> None:
    """Log in, and make the repository unless it is there."""
    user = api.whoami()
    if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PushError(
            f"the token of {user.get('name')} may only read",
            "make one that may write (https://huggingface.co/settings/tokens)",
        )
    api.create_repo(repo, private=private or None, exist_ok=True)
    if private and not api.model_info(repo).private:
        raise PushError(
            f"{repo}: exists and is public, though a private one was asked for",
            "make it private in its settings, or choose another name",
        )


def _commit(
    api: HfApi, chosen: Selection, repo: str, private: bool, revision: str | None, message: str
) -> CommitInfo:
    from huggingface_hub import CommitOperationAdd

    _open_repository(api, repo, private)
    if revision and not revision.startswith("refs/"):
        api.create_branch(repo, branch=revision, exist_ok=True)
    operations = [CommitOperationAdd(name, str(chosen.folder / name)) for name in chosen.files]
    # Not `upload_folder`, which may spread a folder over several commits: half a model is none.
    commit = api.create_commit(repo, operations, commit_message=message, revision=revision)
    ignored = [o.path_in_repo for o in operations if getattr(o, "_should_ignore", False)]
    if ignored:
        raise PushError(
            f"{repo}: its .gitignore keeps out {', '.join(ignored)}", "remove it there, push again"
        )
    return commit


def _default_message() -> str:
    return f"Upload model with mlm-pretrain {versions()['mlm_pretrain']}"


def _command(
    folder: str | Path,
    repo: str,
    private: bool,
    revision: str | None,
    message: str | None,
    timeout_seconds: float,
) -> str:
    words = ["mlm-pretrain", "push", str(folder), "--to", repo]
    words += ["--private"] if private else []
    words += ["--revision", revision] if revision else []
    words += ["--message", redacted(message, stored_tokens())] if message else []
    if timeout_seconds != TIMEOUT_SECONDS:
        words += ["--timeout-seconds", f"{timeout_seconds:g}"]
    return shlex.join(words)
