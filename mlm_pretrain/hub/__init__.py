"""An exported model → a Hugging Face Hub repository: nothing secret, one commit, an end in time."""

from __future__ import annotations

from mlm_pretrain.hub.asking import PUSH_FAILED, TIMEOUT_SECONDS, PushError
from mlm_pretrain.hub.selection import Selection, select
from mlm_pretrain.hub.upload import check_access, check_name, push, resolve_commit

__all__ = [
    "PUSH_FAILED",
    "TIMEOUT_SECONDS",
    "PushError",
    "Selection",
    "check_access",
    "check_name",
    "push",
    "resolve_commit",
    "select",
]
