"""A model's folder → a Hugging Face Hub repository: nothing secret, one commit, an end in time."""

from __future__ import annotations

from mlm_pretrain.hub.asking import PUSH_FAILED, TIMEOUT_SECONDS, PushError
from mlm_pretrain.hub.selection import Selection, select
from mlm_pretrain.hub.upload import check_access, check_name, push, resolve_commit

# By this name it is known from Python, since `mlm_pretrain.push` says nothing of where to.
push_to_hub = push

__all__ = [
    "PUSH_FAILED",
    "TIMEOUT_SECONDS",
    "PushError",
    "Selection",
    "check_access",
    "check_name",
    "push",
    "push_to_hub",
    "resolve_commit",
    "select",
]
