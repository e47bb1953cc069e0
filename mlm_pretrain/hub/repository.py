"""A repository on the Hub: whether one may write there, who sees it, and making it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_pretrain.hub.asking import PushError
from mlm_pretrain.progress import say

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo


def look_ahead(api: HfApi, repo: str, private: bool) -> None:
    """Find out whether `repo` can be pushed to as far as that goes without making it.

    Raises:
        PushError: for a token that may not write, or a repository that is there and open to all.
    """
    _require_writer(api)
    info = _existing(api, repo)
    if info is not None:
        _require_closed(info, repo, private)
        try_writing(api, repo)


def open_repository(api: HfApi, repo: str, private: bool) -> bool:
    """Log in, and make the repository unless it is there. Who sees one that is there is never changed.

    Returns:
        Whether it is private.

    Raises:
        PushError: as `look_ahead`.
    """
    _require_writer(api)
    api.create_repo(repo, private=private, exist_ok=True)
    info = api.model_info(repo)
    _require_closed(info, repo, private)
    if info.private and not private:
        say(f"{repo}: is private and stays so; its settings on the Hub can open it")
    return bool(info.private)


def try_writing(api: HfApi, repo: str) -> None:
    """The first request of every upload: the only one that tells of another's public repository that it may
    be read but not written. Nothing is uploaded yet."""
    from huggingface_hub import CommitOperationAdd

    api.preupload_lfs_files(repo, additions=[CommitOperationAdd("README.md", b"# Model\n")])


def check_metadata(card: Path) -> None:
    """Have the Hub read the top of a card before anything is sent: of itself it does so at the end.

    Raises:
        PushError: with what it cannot read.
    """
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    try:
        ModelCard(card.read_text(encoding="utf-8")).validate()
    except (ValueError, YAMLError) as error:
        raise PushError(
            f"{card}: the Hub cannot read the metadata at its top ({_said(str(error))})",
            "mend the lines between the two ---, then push again",
        ) from None


def _said(words: str) -> str:
    """The messages in an answer of the Hub; other words as they are, but on one line."""
    try:
        return "; ".join(error["message"] for error in json.loads(words)["errors"])
    except (ValueError, KeyError, TypeError):
        return " ".join(words.split())


def head(api: HfApi, repo: str, revision: str | None) -> str | None:
    """The commit at which a branch stands."""
    return api.model_info(repo, revision=revision).sha


def _require_writer(api: HfApi) -> None:
    user = api.whoami()
    if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PushError(
            f"the token of {user.get('name')} may only read",
            "make one that may write (https://huggingface.co/settings/tokens)",
        )


def _existing(api: HfApi, repo: str) -> ModelInfo | None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(repo)
    except RepositoryNotFoundError:
        return None


def _require_closed(info: ModelInfo, repo: str, private: bool) -> None:
    """What nobody said may be public does not go where everyone reads."""
    if private and not info.private:
        raise PushError(
            f"{repo}: exists and is public, and this push is private, as it is unless told otherwise",
            "add --public to push there all the same, make it private in its settings, or choose "
            "another name",
        )
