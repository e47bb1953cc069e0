"""Ids of prepared data mean nothing to another tokenizer than its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xxhash

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import hash_json


def hash_tokenizer(tokenizer: Any) -> str | None:
    """xxh3-128 of all that decides which ids a text gets; None without a tokenizer."""
    if tokenizer is None:
        return None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content = backend.to_str() if backend is not None else hash_json(tokenizer.get_vocab())
    return xxhash.xxh3_128_hexdigest(content.encode())


def require_same_tokenizer(folder: str | Path, tokenizer: Any, role: str) -> None:
    """Refuse prepared data of another tokenizer than the run's.

    Raises:
        InputError: with both hashes.
    """
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(Path(folder) / "tokenizer", trust_remote_code=False)
    found, wanted = hash_tokenizer(own), hash_tokenizer(tokenizer)
    if found != wanted:
        raise InputError(
            f"{role}: {folder}: was prepared with tokenizer {found}, the run's data with {wanted}",
            "prepare it again with the run's: --tokenizer DATA/tokenizer",
        )
