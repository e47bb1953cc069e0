"""The tokenizer folder: what transformers 4.57 and 5 both load, with the same ids.

The files are written here rather than by `save_pretrained`, which in transformers 5 names a class
that 4.x does not have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.algorithm import Algorithm
from tokenizer_training.specials import SpecialTokens, sentinel_tokens

TOKENIZER_FILE = "tokenizer.json"
# The one class that both versions have and that takes tokenizer.json as it is.
PORTABLE_CLASS = "PreTrainedTokenizerFast"


def write_tokenizer(
    folder: Path,
    tokenizer: Tokenizer,
    algorithm: Algorithm,
    model_max_length: int,
    sentinels: int = 0,
) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    (folder / TOKENIZER_FILE).write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
    first = tokenizer.get_vocab_size() - sentinels
    added = {first + n: token.content for n, token in enumerate(sentinel_tokens(sentinels))}
    _write(folder / "tokenizer_config.json", describe(algorithm, model_max_length, added))
    specials = _map_specials(algorithm.specials)
    _write(folder / "special_tokens_map.json", {**specials, **_additional(added)})


def describe(
    algorithm: Algorithm, model_max_length: int, sentinels: Mapping[int, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The tokenizer_config.json of a tokenizer trained by `algorithm`, with its sentinels by id."""
    specials = algorithm.specials
    named = {**dict(enumerate(specials.ordered)), **sentinels}
    added = {str(i): _flags(specials, token) for i, token in named.items()}
    return {
        "tokenizer_class": PORTABLE_CLASS,
        "model_max_length": model_max_length,
        "model_input_names": list(algorithm.model_inputs),
        "padding_side": "right",
        "truncation_side": "right",
        # The decoder of tokenizer.json is complete; tidying after it would spoil exact round trips.
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {i: {**flags, "special": True} for i, flags in added.items()},
        **specials.roles,
        **_additional(sentinels),
    }


def _additional(sentinels: Mapping[int, str]) -> dict[str, Any]:
    return {"additional_special_tokens": list(sentinels.values())} if sentinels else {}


def _map_specials(specials: SpecialTokens) -> dict[str, Any]:
    return {
        role: _flags(specials, token) if specials.takes_space(token) else token
        for role, token in specials.roles.items()
    }


def _flags(specials: SpecialTokens, token: str) -> dict[str, Any]:
    return {
        "content": token,
        "lstrip": specials.takes_space(token),
        "normalized": False,
        "rstrip": False,
        "single_word": False,
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
