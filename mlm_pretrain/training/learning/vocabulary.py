"""Which tokens were added to a checkpoint's vocabulary, as the tokenizer's folder says."""

from __future__ import annotations

import json
from pathlib import Path

from mlm_pretrain.errors import InputError

EXTENSION_FILE = "extension.json"


def added_tokens(tokenizer: str | Path) -> range | None:
    """Ids that an extended vocabulary has beyond its base's; None where it was not extended.

    Raises:
        InputError: when the file that says so is damaged.
    """
    path = Path(tokenizer) / EXTENSION_FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        first, ids = int(found["base"]["entries"]), sorted(int(key) for key in found["pieces"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: is damaged", "extend the tokenizer again, and prepare the data with it"
        ) from None
    added = range(first, first + len(ids))
    if list(added) != ids:
        raise InputError(
            f"{path}: its tokens do not follow on the base's {first}",
            "extend the tokenizer again, and prepare the data with it",
        )
    return added if ids else None


def old_pieces(tokenizer: str | Path) -> dict[int, list[int]]:
    """Of each token that was added, the ids that the text had before in its place; {} without any."""
    if added_tokens(tokenizer) is None:
        return {}
    found = json.loads((Path(tokenizer) / EXTENSION_FILE).read_text(encoding="utf-8"))
    return {int(key): [int(i) for i in part] for key, part in found["pieces"].items()}
